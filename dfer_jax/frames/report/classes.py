"""Which expressions or action units are recognised: F1, confusion matrix, shares active."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dfer_jax.frames.report.inputs import Evaluated
from dfer_jax.plotting.charts import SIZE, legend_above
from dfer_jax.plotting.confusion import matrix, matrix_chart
from dfer_jax.plotting.markup import Section, panel, section, side_by_side
from dfer_jax.plotting.picture import COLOURS, Chart
from dfer_jax.plotting.tables import Table


def class_results(evaluated: Evaluated) -> Section:
    """Returns F1 of each class or unit, and the confusion matrix or the shares active."""
    result, counts = evaluated.result, evaluated.counts
    frames, total = counts.hits + counts.missed, evaluated.scores.num_frames
    share = frames / total
    f1 = _f1_chart(evaluated, 2 * share / (1 + share))
    tables = [_class_table(evaluated)]
    note = (
        f"{evaluated.protocol}, {total:,} labelled frames. Bars: F1, with the number of frames in "
        "which the class is true; ticks: what always answering it would give. "
    )
    if result.kind == "expressions":
        title, confusion = "Which expressions are recognised", result.confusion
        heads = ["truth", *result.classes]
        rows = [[name, *row] for name, row in zip(result.classes, confusion.tolist(), strict=True)]
        tables.append(Table("confusion", heads, rows))
        note += (
            "Rows of the matrix are the truth, columns the prediction; colours: shares of a row."
        )
        if absent := [name for name, n in zip(result.classes, frames, strict=True) if not n]:
            note += (
                f" No frame is of {', '.join(absent)}: F1 0, and counted in the mean over all "
                f"{len(frames)} classes, as the challenge does."
            )
        other = matrix_chart(result.classes, confusion)
        beside = panel("Confusion matrix", matrix(result.classes, confusion))
    else:
        title = "Which action units are recognised"
        other = _share_chart(result.classes, share, (counts.hits + counts.extra) / total)
        beside = panel(other.label, other.svg())
    body = side_by_side(panel("F1", f1.svg()), beside)
    html = section(title, note, f"{body}<h3>In figures</h3>{tables[0].html()}")
    return Section(html, [f1, other], tables)


def _class_table(evaluated: Evaluated) -> Table:
    """Returns frames, precision, recall and F1 of each class, in percent; NaN where undefined."""
    hits, extra, missed = evaluated.counts
    true, predicted = hits + missed, hits + extra
    with np.errstate(invalid="ignore"):  # 0 / 0 is n/a: never predicted, or never true
        precision, recall = 100 * hits / predicted, 100 * hits / true
    columns = (true, predicted, hits, precision, recall, 100 * np.array(evaluated.scores.f1))
    lists = (column.tolist() for column in columns)
    heads = ["class", "true", "predicted", "right", "precision", "recall", "F1"]
    rows = [list(row) for row in zip(evaluated.result.classes, *lists, strict=True)]
    return Table("f1", heads, rows)


def _f1_chart(evaluated: Evaluated, always: Float[np.ndarray, " k"]) -> Chart:
    classes, f1 = evaluated.result.classes, evaluated.scores.f1
    frames = (evaluated.counts.hits + evaluated.counts.missed).tolist()

    def draw() -> Figure:
        figure = Figure(figsize=(SIZE[0], 0.8 + 0.34 * len(classes)), layout="constrained")
        axes = figure.subplots()
        places = np.arange(len(classes))
        axes.barh(places, f1, height=0.62, color=COLOURS.accent, linewidth=0)
        axes.vlines(always, places - 0.42, places + 0.42, color=COLOURS.ink, linewidth=1.2)
        names = [f"{name}  n={count:,}" for name, count in zip(classes, frames, strict=True)]
        share_axes(axes, places, names)
        return figure

    return Chart("f1", "F1 of each class", draw)


def _share_chart(
    classes: Sequence[str], truth: Float[np.ndarray, " k"], predicted: Float[np.ndarray, " k"]
) -> Chart:
    def draw() -> Figure:
        figure = Figure(figsize=(SIZE[0], 0.8 + 0.34 * len(classes)), layout="constrained")
        axes = figure.subplots()
        places = np.arange(len(classes))
        for offset, values, name, colour in (
            (-0.18, truth, "truth", COLOURS.second),
            (0.18, predicted, "prediction", COLOURS.accent),
        ):
            axes.barh(places + offset, values, height=0.34, color=colour, label=name, linewidth=0)
        share_axes(axes, places, classes)
        legend_above(figure, ["truth", "prediction"])
        return figure

    return Chart("active", "Share of the frames in which a unit is active", draw)


def share_axes(axes: Axes, places: np.ndarray, names: Sequence[str]) -> None:
    """Names the rows of a chart, first on top, and lets x run over shares from 0 to 100 %."""
    axes.set_yticks(places, names)
    axes.tick_params(axis="y", length=0, labelcolor=COLOURS.ink)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_xlim(0, 1)
    axes.set_xticks(np.linspace(0, 1, 6), [f"{v} %" for v in range(0, 101, 20)])
