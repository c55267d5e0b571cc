"""Pictures of what a network says of a video, frame by frame, beside the truth."""

import functools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path

from dfer_jax.frames.evaluation import FrameEvaluation
from dfer_jax.plotting.picture import COLOURS, Chart

_WIDTH = 9.4  # inches
_MOST_COLUMNS = 800
_SHADES = 5  # of a probability
_RECTANGLE = (Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY)


class Columns(NamedTuple):
    """The columns of a timeline: one frame each, or of a long video the first of several.

    Attributes:
        starts: [m] frame number at which a column starts, ascending; columns without any frame
            are left out.
        step: frame numbers to a column.
        rows: [m] place of its frame in the evaluation.
    """

    starts: Int[np.ndarray, " m"]
    step: int
    rows: Int[np.ndarray, " m"]


def columns_of(result: FrameEvaluation, video: str, *, most: int = _MOST_COLUMNS) -> Columns:
    """Returns at most `most` columns over the true frame numbers of a video."""
    rows = np.flatnonzero(result.videos == video)
    rows = rows[np.argsort(result.numbers[rows], kind="stable")]
    numbers = result.numbers[rows].astype(np.int64)
    step = int(-(-(numbers[-1] - numbers[0] + 1) // most))
    places, first = np.unique((numbers - numbers[0]) // step, return_index=True)
    return Columns(numbers[0] + places * step, step, rows[first])


def timeline(result: FrameEvaluation, video: str, *, name: str) -> Chart:
    """Returns truth and prediction of a video over its true frame numbers.

    Nothing is drawn where there is no picture; frames without a label are grey.

    Args:
        result: of the split.
        video: one of its videos.
        name: of the chart.
    """
    columns = columns_of(result, video)
    draw_in = _draw_expressions if result.kind == "expressions" else _draw_units
    draw = functools.partial(draw_in, result, columns)
    return Chart(name, f"Truth and prediction of the frames of {video}", draw)


def _draw_expressions(result: FrameEvaluation, columns: Columns) -> Figure:
    """Returns a coloured band each for truth and prediction, and the latter's probability."""
    logits, mask = result.logits[columns.rows].astype(np.float64), result.mask[columns.rows]
    truth, answers = result.labels[columns.rows], logits.argmax(axis=1)
    figure = Figure(figsize=(_WIDTH, 2.4), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1.1))
    classes = sorted({*truth[mask].tolist(), *answers.tolist()})
    for label in classes:
        colour = {"facecolor": _class_colour(label)}
        fill(above, columns, mask & (truth == label), -0.42, 0.42, **colour)
        fill(above, columns, answers == label, 0.58, 1.42, **colour)
    fill(above, columns, ~mask, -0.42, 0.42, facecolor=COLOURS.line)
    above.set_yticks((0, 1), ("truth", "prediction"), color=COLOURS.ink)
    above.set_ylim(1.5, -0.5)
    above.grid(visible=False)
    above.spines[:].set_visible(False)
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    _plot_with_gaps(below, columns, shares.max(axis=1) / shares.sum(axis=1))
    below.set_ylim(0, 1.04)
    below.set_yticks((0, 0.5, 1), ("0 %", "50 %", "100 %"))
    below.set_ylabel("probability of\nthe prediction")
    _frame_axis(below, columns)
    keys = [(_class_colour(label), 1.0, result.classes[label]) for label in classes]
    _legend(figure, keys + [(COLOURS.line, 1.0, "no label")] * bool((~mask).any()))
    return figure


def _draw_units(result: FrameEvaluation, columns: Columns) -> Figure:
    """Returns two strips per unit: where it is active, and below it its probability."""
    mask, units = result.mask[columns.rows], range(len(result.classes))
    truth = result.labels[columns.rows] == 1
    probability = 1 / (
        1 + np.exp(-np.clip(result.logits[columns.rows].astype(np.float64), -30, 30))
    )
    shade = np.rint(probability * _SHADES).astype(int)
    figure = Figure(figsize=(_WIDTH, 0.9 + 0.26 * len(units)), layout="constrained")
    axes = figure.subplots()
    present = np.ones(len(mask), bool)
    for unit in units:
        upper, lower = (unit - 0.42, unit - 0.02), (unit + 0.02, unit + 0.42)
        fill(axes, columns, present, upper[0], lower[1], facecolor=COLOURS.line, alpha=0.35)
        fill(axes, columns, ~mask, *upper, facecolor=COLOURS.muted, alpha=0.35)
        fill(axes, columns, mask & truth[:, unit], *upper, facecolor=COLOURS.second)
        for level in range(1, _SHADES + 1):
            chosen = shade[:, unit] == level
            fill(axes, columns, chosen, *lower, facecolor=COLOURS.accent, alpha=level / _SHADES)
    axes.set_yticks(list(units), result.classes, color=COLOURS.ink)
    axes.set_ylim(len(units) - 0.4, -0.6)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    _frame_axis(axes, columns)
    keys = [(COLOURS.second, 1.0, "truth: active"), (COLOURS.accent, 1.0, "probability 100 %")]
    keys.append((COLOURS.accent, 0.4, "40 %"))
    _legend(figure, keys + [(COLOURS.muted, 0.35, "no label")] * bool((~mask).any()))
    return figure


def fill(
    axes: Axes,
    columns: Columns,
    chosen: Bool[np.ndarray, " m"],
    bottom: float,
    top: float,
    **style: object,
) -> None:
    """Fills the chosen columns between two heights as one shape."""
    corners = []
    for start, end in stretches(columns, chosen):
        corners += [(start, bottom), (end, bottom), (end, top), (start, top), (start, bottom)]
    if corners:
        path = Path(corners, _RECTANGLE * (len(corners) // len(_RECTANGLE)))
        axes.add_patch(PathPatch(path, linewidth=0, **style))


def stretches(columns: Columns, chosen: Bool[np.ndarray, " m"]) -> Iterable[tuple[float, float]]:
    """Yields where each stretch of chosen columns starts and ends, none across a gap."""
    places = np.flatnonzero(chosen)
    if len(places):
        breaks = np.flatnonzero(np.diff(columns.starts[places]) > columns.step) + 1
        for part in np.split(columns.starts[places], breaks):
            yield float(part[0] - 0.5), float(part[-1] + columns.step - 0.5)


def _plot_with_gaps(axes: Axes, columns: Columns, values: Float[np.ndarray, " m"]) -> None:
    """Draws a line that breaks where pictures are missing."""
    breaks = np.flatnonzero(np.diff(columns.starts) > columns.step) + 1
    middle = columns.starts + (columns.step - 1) / 2
    for x, y in zip(np.split(middle, breaks), np.split(values, breaks), strict=True):
        marker = "o" if len(x) == 1 else None
        axes.plot(x, y, color=COLOURS.accent, linewidth=1.2, marker=marker, markersize=2.5)


def _frame_axis(axes: Axes, columns: Columns) -> None:
    axes.set_xlim(columns.starts[0] - 0.5, columns.starts[-1] + columns.step - 0.5)
    axes.set_xlabel(
        "frame" if columns.step == 1 else f"frame (one of every {columns.step} is drawn)"
    )


def _class_colour(label: int) -> str:
    """Returns a colour of its own for each of the seven expressions, and ink for `other`."""
    return COLOURS.groups[label] if label < len(COLOURS.groups) else COLOURS.ink


def _legend(figure: Figure, keys: Sequence[tuple[str, float, str]]) -> None:
    handles = [Patch(facecolor=colour, alpha=a, label=name) for colour, a, name in keys]
    options = {"handlelength": 1.6, "borderpad": 0, "columnspacing": 1.4}
    figure.legend(handles=handles, loc="outside upper left", ncols=len(keys), **options)
