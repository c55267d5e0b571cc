"""Charts more than one section draws: curves over epochs, recalls with intervals, intensity."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Integer
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dfer_jax.plotting.picture import COLOURS, Chart
from dfer_jax.results.intervals import wilson_interval

SIZE = (4.6, 2.7)  # inches; one column of the page
_MOST_POINTS = 400
_DASHES = ("-", (0, (4, 2)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))


class Curve(NamedTuple):
    """One line of a chart: its name and one point per entry of `x` and `y`.

    `colour` is the name of one of `Colours`, or the number of a run.
    """

    name: str
    colour: str | int
    x: Float[np.ndarray, " n"]
    y: Float[np.ndarray, " n"]
    dashed: bool = False

    def style(self) -> dict[str, object]:
        """Returns matplotlib's colour and line style."""
        if isinstance(self.colour, str):
            return {"color": getattr(COLOURS, self.colour), "linestyle": _DASHES[self.dashed]}
        dashes = _DASHES[self.colour // len(COLOURS.groups) % len(_DASHES)]
        return {"color": COLOURS.run(self.colour)[0], "linestyle": dashes}


def line_chart(
    curves: Sequence[Curve],
    *,
    name: str,
    label: str,
    percent: bool = False,
    chance: float | None = None,
    best_epoch: float | None = None,
) -> Chart:
    """Returns curves over the epochs; values that are not finite leave a gap.

    Args:
        curves: the lines; `y` in the unit of `label`, or shares in [0, 1] with `percent`.
        name: of the chart.
        label: what is shown.
        percent: the y axis runs from 0 to 100 %.
        chance: level of a dotted line, in the unit of `y`.
        best_epoch: epoch of a vertical dotted line marked "best".
    """

    def draw() -> Figure:
        figure = Figure(figsize=SIZE, layout="constrained")
        axes = figure.subplots()
        for curve in curves:
            x, y = _thin(curve.x, curve.y)
            marker = "o" if len(x) <= 30 else None
            axes.plot(x, y, marker=marker, label=curve.name, **curve.style())
        if chance is not None:
            line = {"color": COLOURS.muted, "linestyle": ":", "linewidth": 1.2}
            axes.axhline(chance, label="chance", **line)
        if best_epoch is not None:
            _mark_epoch(axes, best_epoch)
        if percent:
            percent_axis(axes)
        elif not any((curve.y < 0).any() for curve in curves):
            axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("epoch")
        if len(curves) > 1 or chance is not None:
            legend_above(figure, [c.name for c in curves])
        return figure

    return Chart(name, label, draw)


def recall_chart(
    classes: Sequence[str],
    correct: Integer[np.ndarray, "r k"],
    totals: Integer[np.ndarray, "r k"],
    *,
    runs: Sequence[str],
    name: str,
) -> Chart:
    """Returns the recall of each class with its 95 % Wilson interval, a mark for each run.

    A dotted line is the chance level: one over the number of the classes that have clips.

    Args:
        classes: k names.
        correct: clips predicted right.
        totals: clips; classes without clips get no mark.
        runs: r names; one alone is drawn as bars with clip counts.
        name: of the chart.
    """
    bounds = np.array([wilson_interval(c, t) for c, t in zip(correct, totals, strict=True)])
    recall = np.where(totals > 0, correct / np.maximum(totals, 1), np.nan)
    chance = 1 / max(1, int((totals > 0).any(axis=0).sum()))

    def draw() -> Figure:
        height = 0.9 + len(classes) * max(0.36, 0.14 * len(runs))
        figure = Figure(figsize=(SIZE[0], height), layout="constrained")
        axes = figure.subplots()
        places = np.arange(len(classes))
        for i, run in enumerate(runs):
            colour, marker = (COLOURS.accent, "o") if len(runs) == 1 else COLOURS.run(i)
            at = places + (i - (len(runs) - 1) / 2) * 0.72 / len(runs)
            shown = totals[i] > 0
            axes.hlines(at[shown], *bounds[i][:, shown], color=colour, linewidth=2)
            axes.plot(recall[i], at, marker, color=colour, markersize=5, label=run)
        if len(runs) == 1:
            filled = np.nan_to_num(recall[0])
            axes.barh(places, filled, height=0.56, color=COLOURS.accent, alpha=0.28, linewidth=0)
        axes.axvline(chance, color=COLOURS.muted, linestyle=":", linewidth=1.2)
        counts = [f"  n={n}" for n in totals[0]] if len(runs) == 1 else [""] * len(classes)
        axes.set_yticks(places, [f"{c}{n}" for c, n in zip(classes, counts, strict=True)])
        axes.tick_params(axis="y", length=0, labelcolor=COLOURS.ink)
        axes.set_ylim(len(classes) - 0.4, -0.6)
        axes.grid(axis="y", visible=False)
        axes.set_xlim(0, 1)
        axes.set_xticks(np.linspace(0, 1, 6), [f"{v} %" for v in range(0, 101, 20)])
        if len(runs) > 1:
            legend_above(figure, runs)
        return figure

    return Chart(name, "Recall of each class with 95 % intervals", draw)


class Bins(NamedTuple):
    """Clips in bins of intensity.

    Attributes:
        edges: [m + 1].
        means: [m] mean intensity of all runs' clips in a bin.
        correct: for each run, clips predicted right.
        totals: for each run, clips.
    """

    edges: Float[np.ndarray, " edges"]
    means: Float[np.ndarray, " m"]
    correct: dict[str, Integer[np.ndarray, " m"]]
    totals: dict[str, Integer[np.ndarray, " m"]]


def bin_by_intensity(
    runs: Mapping[str, tuple[Float[np.ndarray, " _"], Bool[np.ndarray, " _"]]], *, bins: int = 5
) -> Bins:
    """Returns clip counts in bins that hold about equally many of all the runs' clips.

    Args:
        runs: name -> peak intensity and whether it was predicted right, of each clip; at least one.
        bins: number of bins, fewer when intensities repeat.
    """
    peaks = np.concatenate([p for p, _ in runs.values()]).astype(np.float64)
    edges = np.unique(np.quantile(peaks, np.linspace(0, 1, bins + 1)))
    if len(edges) == 1:
        edges = np.array([edges[0], edges[0]])

    def place(peak: np.ndarray) -> np.ndarray:
        return np.clip(np.searchsorted(edges, peak, side="right") - 1, 0, len(edges) - 2)

    count = {"minlength": len(edges) - 1}
    correct = {name: np.bincount(place(peak[hit]), **count) for name, (peak, hit) in runs.items()}
    totals = {name: np.bincount(place(peak), **count) for name, (peak, _) in runs.items()}
    sums = np.bincount(place(peaks), weights=peaks, **count)
    return Bins(edges, sums / np.maximum(sum(totals.values()), 1), correct, totals)


def intensity_chart(bins: Bins, *, chance: float, name: str) -> Chart:
    """Returns recall against peak intensity with 95 % intervals, a curve for each run.

    Args:
        bins: of `bin_by_intensity`.
        chance: recall in [0, 1] of even guessing, a dotted line.
        name: of the chart.
    """
    runs = list(bins.totals)
    apart = 0.012 * (bins.edges[-1] - bins.edges[0])  # so that intervals do not hide each other

    def draw() -> Figure:
        figure = Figure(figsize=SIZE, layout="constrained")
        axes = figure.subplots()
        axes.axhline(chance, color=COLOURS.muted, linestyle=":", linewidth=1.2)
        for i, run in enumerate(runs):
            colour, marker = (COLOURS.accent, "o") if len(runs) == 1 else COLOURS.run(i)
            shown = bins.totals[run] > 0
            correct, totals = bins.correct[run][shown], bins.totals[run][shown]
            at = bins.means[shown] + apart * (i - (len(runs) - 1) / 2)
            axes.vlines(at, *wilson_interval(correct, totals), color=colour, linewidth=1.6)
            line = {"linewidth": 1, "markersize": 5, "label": run}
            axes.plot(at, correct / totals, f"{marker}-", color=colour, **line)
        percent_axis(axes)
        axes.set_ylim(0, 1.05)
        axes.set_xlabel(f"peak intensity of the clip (about {_per_bin(bins)} clips a bin)")
        if len(runs) > 1:
            legend_above(figure, runs)
        return figure

    return Chart(name, "Recall against peak intensity with 95 % intervals", draw)


def percent_axis(axes: Axes) -> None:
    """Lets the y axis run over shares from 0 to 100 %."""
    axes.set_ylim(0, 1)
    axes.set_yticks(np.linspace(0, 1, 6), [f"{v} %" for v in range(0, 101, 20)])


def legend_above(
    figure: Figure, names: Sequence[str], *, handles: Sequence[Artist] | None = None
) -> None:
    """Puts the legend over the axes, in as many columns as the longest name leaves room for."""
    columns = _legend_columns(names)
    options = {"handlelength": 1.6, "borderpad": 0, "columnspacing": 1.2, "handles": handles}
    figure.legend(loc="outside upper left", ncols=columns, **options)


def legend_height(names: Sequence[str]) -> float:
    """Returns the height of the legend of `legend_above` in inches."""
    return 0.2 * -(-len(names) // _legend_columns(names))


def _legend_columns(names: Sequence[str]) -> int:
    return max(1, min(4, 56 // (max(map(len, names)) + 4)))


def _mark_epoch(axes: Axes, epoch: float) -> None:
    axes.axvline(epoch, color=COLOURS.muted, linestyle=":", linewidth=1.2)
    at = {"xy": (epoch, 1), "xycoords": ("data", "axes fraction")}
    offset = {"xytext": (-3, -9), "textcoords": "offset points", "ha": "right"}
    style = {"color": COLOURS.muted, "fontsize": 8, "annotation_clip": False}
    axes.annotate("best", **at, **offset, **style)


def _per_bin(bins: Bins) -> int:
    return round(float(np.mean([totals.mean() for totals in bins.totals.values()])))


def _thin(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Averages neighbours so that a long run does not make a huge page; a gap stays a gap."""
    if len(x) <= _MOST_POINTS:
        return x, y
    blocks = np.array_split(np.arange(len(x)), _MOST_POINTS)
    return np.array([x[b].mean() for b in blocks]), np.array([y[b].mean() for b in blocks])
