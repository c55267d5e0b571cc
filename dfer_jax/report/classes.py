"""Which expressions are recognised: confusion matrix and recall per class."""

from collections.abc import Sequence
from html import escape

import numpy as np
from jaxtyping import Integer
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from dfer_jax.intervals import wilson_interval
from dfer_jax.report.charts import recall_chart
from dfer_jax.report.inputs import Evaluation
from dfer_jax.report.markup import Section, panel, protocol, section, side_by_side
from dfer_jax.report.picture import Chart, Colours
from dfer_jax.report.tables import Table


def class_results(evaluation: Evaluation) -> Section:
    """Returns the confusion matrix and the recall of each class."""
    counts = evaluation.confusion
    recall = recall_chart(
        evaluation.classes,
        evaluation.correct[None],
        evaluation.totals[None],
        runs=["recall"],
        name="classes",
    )
    html = section(
        "Which expressions are recognised",
        f"{protocol(evaluation)}, {evaluation.num_clips:,} clips. Rows of the matrix are the "
        "truth, columns the prediction; colour and percentage are shares of the row. Bars: recall "
        "with its 95 % interval; dotted: chance.",
        side_by_side(
            panel("Confusion matrix", matrix(evaluation.classes, counts)),
            panel("Recall of each class", recall.svg()),
        ),
    )
    rows = [[name, *row] for name, row in zip(evaluation.classes, counts.tolist(), strict=True)]
    confusion = Table("confusion", ["truth", *evaluation.classes], rows)
    return Section(
        html, [matrix_chart(evaluation.classes, counts), recall], [confusion, _recalls(evaluation)]
    )


def _recalls(evaluation: Evaluation) -> Table:
    """Returns the recalls with their intervals, in percent."""
    correct, totals = evaluation.correct, evaluation.totals
    low, high = wilson_interval(correct, totals)
    columns = (100 * evaluation.recall, 100 * low, 100 * high)
    rows = zip(
        evaluation.classes,
        totals.tolist(),
        correct.tolist(),
        *(column.tolist() for column in columns),
        strict=True,
    )
    heads = ["class", "clips", "right", "recall", "95 % low", "95 % high"]
    return Table("recall-per-class", heads, [list(row) for row in rows])


def matrix(classes: Sequence[str], confusion: Integer[np.ndarray, "k k"]) -> str:
    """Returns the confusion matrix as a table: counts, and colours by share of the row."""
    names = [escape(name) for name in classes]
    head = "".join(f"<th scope='col' title='{name}'>{name}</th>" for name in names)
    rows = []
    for i, name in enumerate(names):
        total = confusion[i].sum()
        cells = []
        for j, count in enumerate(confusion[i]):
            share = count / max(1, total)
            kind = "zero" if count == 0 else "full" if share > 0.55 else ""
            hue = "right" if i == j else "wrong"
            style = f"--hue:var(--{hue});--share:{0.08 + 0.92 * share:.2f}"
            below = f"<small>{share:.0%}</small>" if count else ""
            cells.append(f"<td class='{kind}' style='{style}'>{count}{below}</td>")
        rows.append(f"<tr><th scope='row' title='{name}'>{name}</th>{''.join(cells)}</tr>")
    return f"<table class='matrix'><thead><tr><th></th>{head}</tr></thead>{''.join(rows)}</table>"


def matrix_chart(names: Sequence[str], counts: Integer[np.ndarray, "k k"]) -> Chart:
    """Returns the same matrix as a picture, for papers; the page shows the table."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)

    def draw(colours: Colours) -> Figure:
        side = 1.2 + 0.5 * len(names)
        figure = Figure(figsize=(side, side), layout="constrained")
        axes = figure.subplots()
        hue = np.array([to_rgb(colours.second), to_rgb(colours.accent)])
        pixels = np.empty((*shares.shape, 4))
        pixels[..., :3] = hue[np.eye(len(names), dtype=int)]
        pixels[..., 3] = 0.9 * shares
        axes.imshow(pixels)
        for (i, j), share in np.ndenumerate(shares):
            colour = colours.paper if share > 0.55 else colours.ink
            axes.text(j, i, f"{share:.0%}", color=colour, ha="center", va="center", fontsize=8)
        axes.grid(visible=False)
        axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
        axes.set_yticks(range(len(names)), names)
        axes.set_xlabel("prediction")
        axes.set_ylabel("truth")
        return figure

    return Chart("confusion", "Confusion matrix, shares of each row", draw)
