"""A confusion matrix, as HTML and as a picture."""

from collections.abc import Sequence
from html import escape

import numpy as np
from jaxtyping import Integer
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from dfer_jax.plotting.picture import COLOURS, Chart

_MOST_WITH_WHOLE_NAMES = 8  # classes; the heads of more columns stand upright
_MOST_WITH_NUMBERS = 16  # classes; the shares of more would not be read


def matrix(classes: Sequence[str], confusion: Integer[np.ndarray, "k k"]) -> str:
    """Returns the confusion matrix as a table: counts, and colours by share of the row.

    Of more than sixteen classes it is the picture, for the table would not fit the page.
    """
    if len(classes) > _MOST_WITH_NUMBERS:
        return matrix_chart(classes, confusion).svg()
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
    kind = "matrix upright" if len(classes) > _MOST_WITH_WHOLE_NAMES else "matrix"
    return f"<table class='{kind}'><thead><tr><th></th>{head}</tr></thead>{''.join(rows)}</table>"


def matrix_chart(names: Sequence[str], counts: Integer[np.ndarray, "k k"]) -> Chart:
    """Returns the same matrix as a picture, for papers; the page shows the table."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    numbered = len(names) <= _MOST_WITH_NUMBERS

    def draw() -> Figure:
        side = 1.2 + (0.5 if numbered else 0.16) * len(names)
        figure = Figure(figsize=(side, side), layout="constrained")
        axes = figure.subplots()
        for i, j in zip(*np.nonzero(shares), strict=True):
            hue, share = (COLOURS.accent if i == j else COLOURS.second), 0.9 * shares[i, j]
            axes.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, color=hue, alpha=share, lw=0))
        axes.set(xlim=(-0.5, len(names) - 0.5), ylim=(len(names) - 0.5, -0.5), aspect="equal")
        for (i, j), share in np.ndenumerate(shares) if numbered else ():
            colour = COLOURS.paper if share > 0.55 else COLOURS.ink
            axes.text(j, i, f"{share:.0%}", color=colour, ha="center", va="center", fontsize=8)
        axes.grid(visible=False)
        text = {"fontsize": 9 if numbered else 7}
        turned = {"rotation": 45 if numbered else 90, "ha": "right" if numbered else "center"}
        axes.set_xticks(range(len(names)), names, **text, **turned)
        axes.set_yticks(range(len(names)), names, **text)
        axes.set_xlabel("prediction")
        axes.set_ylabel("truth")
        return figure

    return Chart("confusion", "Confusion matrix, shares of each row", draw)
