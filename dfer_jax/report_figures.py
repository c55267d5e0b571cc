"""The charts of the report: SVG text drawn by matplotlib that follows the page's light or dark.

Charts are drawn in marker colours, which are then replaced by CSS variables of the page, so one
picture serves both colour schemes. Text stays text. The output is a function of the data alone.
"""

import io
import re
from collections.abc import Sequence
from typing import NamedTuple

import matplotlib
import numpy as np
from jaxtyping import Float, Integer
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dfer_jax.intervals import wilson_interval

INK, MUTED, LINE = "#0a0b01", "#0a0b02", "#0a0b03"
ACCENT, SECOND, PAPER = "#0a0b04", "#0a0b05", "#0a0b06"
_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    LINE: "var(--line)",
    ACCENT: "var(--accent)",
    SECOND: "var(--second)",
    PAPER: "var(--paper)",
}
_STYLE = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # class names are text, whatever signs they contain
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "lines.linewidth": 1.6,
    "lines.markersize": 4,
    "legend.frameon": False,
    "legend.fontsize": 9,
}
_SIZE = (4.6, 2.7)  # inches; one column of the page
_MOST_POINTS = 400


class Curve(NamedTuple):
    """One line of a chart: its name, colour, and one point per entry of `x` and `y`."""

    name: str
    colour: str
    x: Float[np.ndarray, " n"]
    y: Float[np.ndarray, " n"]
    dashed: bool = False


def line_chart(
    curves: Sequence[Curve],
    *,
    name: str,
    label: str,
    percent: bool = False,
    chance: float | None = None,
    best_epoch: float | None = None,
) -> str:
    """Returns curves over the epochs as SVG; values that are not finite leave a gap.

    Args:
        curves: the lines; `y` in the unit of `label`, or shares in [0, 1] with `percent`.
        name: unique name of the chart on its page, letters and dashes.
        label: what is shown, for readers of the page and screen readers.
        percent: the y axis runs from 0 to 100 %.
        chance: level of a dotted line, in the unit of `y`.
        best_epoch: epoch of a vertical dotted line marked "best".
    """
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=_SIZE, layout="constrained")
        axes = figure.subplots()
        for curve in curves:
            x, y = _thin(curve.x, curve.y)
            marker = "o" if len(x) <= 30 else None
            style = (0, (4, 2)) if curve.dashed else "-"
            axes.plot(x, y, color=curve.colour, marker=marker, linestyle=style, label=curve.name)
        if chance is not None:
            axes.axhline(chance, color=MUTED, linestyle=":", linewidth=1.2, label="chance")
        if best_epoch is not None:
            axes.axvline(best_epoch, color=MUTED, linestyle=":", linewidth=1.2)
            at = {"xy": (best_epoch, 1), "xycoords": ("data", "axes fraction")}
            offset = {"xytext": (-3, -9), "textcoords": "offset points", "ha": "right"}
            axes.annotate("best", **at, **offset, color=MUTED, fontsize=8)
        if percent:
            _percent_axis(axes)
        elif not any((curve.y < 0).any() for curve in curves):
            axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("epoch")
        if len(curves) > 1 or chance is not None:
            figure.legend(loc="outside upper left", ncols=4, handlelength=1.6, borderpad=0)
        return _to_svg(figure, name=name, label=label)


def recall_chart(
    classes: Sequence[str],
    correct: Integer[np.ndarray, " k"],
    totals: Integer[np.ndarray, " k"],
    *,
    name: str,
) -> str:
    """Returns the recall of each class with its 95 % Wilson interval and clip count as SVG."""
    low, high = wilson_interval(correct, totals)
    recall = np.where(totals > 0, correct / np.maximum(totals, 1), np.nan)
    rows = np.arange(len(classes))
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(_SIZE[0], 0.9 + 0.36 * len(classes)), layout="constrained")
        axes = figure.subplots()
        shown = totals > 0
        axes.barh(rows, np.nan_to_num(recall), height=0.56, color=ACCENT, alpha=0.28, linewidth=0)
        axes.hlines(rows[shown], low[shown], high[shown], color=ACCENT, linewidth=2)
        axes.plot(recall, rows, "o", color=ACCENT, markersize=5)
        axes.axvline(1 / len(classes), color=MUTED, linestyle=":", linewidth=1.2)
        axes.set_yticks(rows, [f"{c}  n={n}" for c, n in zip(classes, totals, strict=True)])
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.set_xlim(0, 1)
        axes.set_xticks(np.linspace(0, 1, 6), [f"{v} %" for v in range(0, 101, 20)])
        return _to_svg(figure, name=name, label="Recall of each class with 95 % intervals")


def intensity_chart(
    peaks: Float[np.ndarray, " n"],
    hits: Integer[np.ndarray, " n"],
    *,
    num_classes: int,
    name: str,
    bins: int = 5,
) -> str:
    """Returns recall against peak intensity as SVG: bins of equal clip count, 95 % intervals.

    Args:
        peaks: [n] peak intensity of each clip, n >= 1.
        hits: [n] 1 where the clip was predicted right, else 0.
        num_classes: the chance level is one over it.
        name: unique name of the chart on its page.
        bins: number of bins, fewer when there are fewer clips.
    """
    order = np.argsort(peaks, kind="stable")
    groups = np.array_split(order, min(bins, len(peaks)))
    totals = np.array([len(group) for group in groups])
    correct = np.array([hits[group].sum() for group in groups])
    low, high = wilson_interval(correct, totals)
    centre = np.array([np.median(peaks[group]) for group in groups])
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=_SIZE, layout="constrained")
        axes = figure.subplots()
        axes.axhline(1 / num_classes, color=MUTED, linestyle=":", linewidth=1.2)
        for group, share in zip(groups, correct / totals, strict=True):
            axes.hlines(share, peaks[group].min(), peaks[group].max(), color=ACCENT, alpha=0.45)
        axes.vlines(centre, low, high, color=ACCENT, linewidth=2)
        axes.plot(centre, correct / totals, "o-", color=ACCENT, linewidth=1, markersize=5)
        _percent_axis(axes)
        axes.set_ylim(0, 1.1)
        axes.set_xlabel(f"peak intensity of the clip (about {totals.max()} clips a bin)")
        return _to_svg(figure, name=name, label="Recall against peak intensity, 95 % intervals")


def _percent_axis(axes: Axes) -> None:
    axes.set_ylim(0, 1)
    axes.set_yticks(np.linspace(0, 1, 6), [f"{v} %" for v in range(0, 101, 20)])


def _thin(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Averages neighbours so that a long run does not make a huge page; a gap stays a gap."""
    if len(x) <= _MOST_POINTS:
        return x, y
    blocks = np.array_split(np.arange(len(x)), _MOST_POINTS)
    return np.array([x[b].mean() for b in blocks]), np.array([y[b].mean() for b in blocks])


def _to_svg(figure: Figure, *, name: str, label: str) -> str:
    """Returns the figure as an inline `<svg>` with page colours and ids unique to `name`."""
    target = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name}):
        figure.savefig(target, format="svg", transparent=True, metadata={"Date": None})
    svg = target.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(id="|url\(#|xlink:href="#)', rf"\g<1>{name}-", svg)
    size = re.search(r'viewBox="[^"]*"', svg).group()
    head = f'<svg class="chart" role="img" aria-label="{label}" {size}>'
    svg = re.sub(r"<svg[^>]*>", head, svg, count=1)
    # The page styles the text and the line joins; matplotlib names the face it measured with.
    svg = re.sub(
        r"font-family: [^;\"]*; ", "", re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", svg)
    )
    for marker, variable in _VARIABLES.items():
        svg = svg.replace(marker, variable)
    return svg.strip()
