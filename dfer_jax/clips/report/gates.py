"""What the channel attention does: its weights by intensity, or by class where that is unknown."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from dfer_jax.clips.report.inputs import Evaluation
from dfer_jax.plotting.charts import SIZE
from dfer_jax.plotting.markup import Section, panel, percent, protocol, section, side_by_side
from dfer_jax.plotting.picture import COLOURS, Chart
from dfer_jax.plotting.tables import Table

_BINS = 5
_STRONG = 0.3  # |correlation| above which a channel is said to follow the intensity
_FEWEST_CLIPS = 2 * _BINS
_ERRORS = 1.96  # standard errors that chance alone exceeds in 5 % of the cells


class _Groups(NamedTuple):
    """Clips put together: names [g], rows of the clips in each, and intensities if known."""

    names: list[str]
    rows: list[np.ndarray]
    peaks: Float[np.ndarray, " n"] | None

    @property
    def all_rows(self) -> np.ndarray:
        return np.concatenate(self.rows)


def gates_section(evaluation: Evaluation, gates: dict[str, Float32[np.ndarray, "n _"]]) -> Section:
    """Returns a heat map of the channel weights of each gated stage; empty without gates.

    Args:
        evaluation: whose predictions are in the order of the gates' rows.
        gates: stage -> [n, c], mean over the frames of each clip.
    """
    groups = _group(evaluation)
    if not gates or groups is None:
        return Section()
    charts, panels, tables = [], [], []
    for stage, weights in gates.items():
        correlation = None if groups.peaks is None else _correlation(weights, groups)
        means = np.array([weights[rows].mean(axis=0) for rows in groups.rows])  # [g, c]
        spread = weights[groups.all_rows].std(axis=0) / np.sqrt([[len(r)] for r in groups.rows])
        difference = means - weights[groups.all_rows].mean(axis=0)
        beyond = float((np.abs(difference) > _ERRORS * spread).mean())
        chart = _heat_map(stage, difference, groups, correlation)
        told = _in_words(weights[groups.all_rows], beyond, correlation)
        charts.append(chart)
        panels.append(panel(stage, f"{chart.svg()}<p class='note'>{told}</p>"))
        tables.append(_table(stage, means, groups, correlation))
    by = "class" if groups.peaks is None else "peak intensity"
    chosen = protocol(evaluation.selection)
    html = section(
        "What the channel attention does",
        f"{chosen}. Mean weight the gate gives each channel, by {by}, compared with "
        "that channel's mean over all these clips: blue where it is let through more, orange where "
        "less." + ("" if groups.peaks is None else " Neutral clips are left out."),
        side_by_side(*panels),
    )
    return Section(html, charts, tables)


def _group(evaluation: Evaluation) -> _Groups | None:
    """Returns bins of intensity where it is known, else classes; None with too few clips."""
    clips = evaluation.predictions
    peaks = np.array([p.peak_intensity if p.label != "neutral" else np.nan for p in clips])
    known = np.flatnonzero(np.isfinite(peaks))
    if len(known) >= _FEWEST_CLIPS:
        parts = np.array_split(known[np.argsort(peaks[known], kind="stable")], _BINS)
        names = [f"{peaks[rows].min():.2f} to {peaks[rows].max():.2f}" for rows in parts]
        return _Groups(names, parts, peaks)
    labels = np.array([p.label for p in clips])
    parts = {name: np.flatnonzero(labels == name) for name in evaluation.classes}
    parts = {name: rows for name, rows in parts.items() if len(rows)}
    if len(parts) < 2:
        return None
    return _Groups(list(parts), list(parts.values()), None)


def _correlation(weights: Float32[np.ndarray, "n c"], groups: _Groups) -> Float[np.ndarray, " c"]:
    """Returns Pearson's correlation of each channel's weight with the intensity; 0 if constant."""
    rows = groups.all_rows
    w, p = weights[rows].astype(np.float64), groups.peaks[rows]
    w, p = w - w.mean(axis=0), p - p.mean()
    norm = np.sqrt((w**2).sum(axis=0) * (p**2).sum())
    return np.divide(p @ w, norm, out=np.zeros(w.shape[1]), where=norm > 1e-12)


def _in_words(
    weights: Float32[np.ndarray, "n c"],
    beyond: float,
    correlation: Float[np.ndarray, " c"] | None,
) -> str:
    """Returns the range of the weights, and how much of the picture is more than chance."""
    low, high = np.quantile(weights, [0.05, 0.95])
    text = (
        f"90 % of all weights lie between {low:.2f} and {high:.2f}. {percent(beyond, 0)} of the "
        f"cells lie beyond {_ERRORS} standard errors; chance alone gives 5 %."
    )
    if correlation is None:
        return text
    rise, fall = int((correlation > _STRONG).sum()), int((correlation < -_STRONG).sum())
    return (
        f"{text} Of {len(correlation)} channels, {rise} rise and {fall} fall with intensity "
        f"(correlation beyond {_STRONG} over {len(weights):,} clips)."
    )


def _order(
    difference: Float[np.ndarray, "g c"], correlation: Float[np.ndarray, " c"] | None
) -> np.ndarray:
    """Returns the channels as drawn: by correlation, or by the class that opens them most."""
    if correlation is not None:
        return np.argsort(correlation, kind="stable")
    return np.lexsort((-difference.max(axis=0), difference.argmax(axis=0)))


def _heat_map(
    stage: str,
    difference: Float[np.ndarray, "g c"],
    groups: _Groups,
    correlation: Float[np.ndarray, " c"] | None,
) -> Chart:
    difference = difference[:, _order(difference, correlation)]
    scale = float(np.quantile(np.abs(difference), 0.99)) or 1.0

    def draw() -> Figure:
        figure = Figure(figsize=(SIZE[0], 1.1 + 0.28 * len(groups.names)), layout="constrained")
        axes = figure.subplots()
        hues = np.array([to_rgb(COLOURS.second), to_rgb(COLOURS.accent)])  # pixels know no theme
        pixels = np.empty((*difference.shape, 4))
        pixels[..., :3] = hues[(difference > 0).astype(int)]
        pixels[..., 3] = np.clip(np.abs(difference) / scale, 0, 1)
        axes.imshow(pixels, aspect="auto", interpolation="none")
        axes.grid(visible=False)
        axes.set_xticks([])
        axes.set_yticks(range(len(groups.names)), groups.names)
        if correlation is not None:
            axes.set_ylabel("peak intensity")
        how = "correlation with intensity" if correlation is not None else "class"
        channels = f"{difference.shape[1]} channels, ordered by {how}"
        axes.set_xlabel(f"{channels}\nfull colour: {scale:.2g} more or less")
        return figure

    return Chart(f"gates-{stage}", f"Channel weights of {stage}", draw)


def _table(
    stage: str,
    means: Float[np.ndarray, "g c"],
    groups: _Groups,
    correlation: Float[np.ndarray, " c"] | None,
) -> Table:
    """Returns the mean weight of each channel in each group."""
    extra: Sequence[str] = () if correlation is None else ("correlation",)
    rows = []
    for channel, values in enumerate(means.T.tolist()):
        more = [] if correlation is None else [float(correlation[channel])]
        rows.append([str(channel), *values, *more])
    heads = ["channel", *groups.names, *extra]
    return Table(f"gates-{stage}", heads, rows, for_print=False)
