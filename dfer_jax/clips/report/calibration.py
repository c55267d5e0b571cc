"""Does the network know when it is wrong? Reliability diagram and calibration error."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Integer
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dfer_jax.clips.report.inputs import Evaluation
from dfer_jax.plotting.charts import SIZE, legend_above, percent_axis
from dfer_jax.plotting.markup import Section, panel, percent, protocol, section, side_by_side
from dfer_jax.plotting.picture import COLOURS, Chart
from dfer_jax.plotting.tables import Table
from dfer_jax.results.intervals import wilson_interval

_BINS = 15


class Reliability(NamedTuple):
    """Clips in bins of equal width by the probability of the predicted class.

    Attributes:
        edges: [m + 1] from 0 to 1.
        totals: [m] clips.
        correct: [m] of them predicted right.
        confidence: [m] mean probability of the predicted class; 0 in an empty bin.
        error: expected calibration error in [0, 1].
    """

    edges: Float[np.ndarray, " edges"]
    totals: Integer[np.ndarray, " m"]
    correct: Integer[np.ndarray, " m"]
    confidence: Float[np.ndarray, " m"]
    error: float


def reliability(
    confidence: Float[np.ndarray, " n"], right: Bool[np.ndarray, " n"], *, bins: int = _BINS
) -> Reliability:
    """Returns the reliability diagram's numbers and the expected calibration error.

    The error is the mean over clips of |accuracy - confidence| of their bin. Source: C. Guo,
    G. Pleiss, Y. Sun, K. Weinberger (2017), "On calibration of modern neural networks", ICML, Eq. 3
    with its 15 bins (m - 1) / M < p <= m / M.

    Args:
        confidence: [n] probability of the predicted class in [0, 1], n >= 1.
        right: [n] whether the prediction is the truth.
        bins: M.
    """
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    totals = np.bincount(place, minlength=bins)
    correct = np.bincount(place[right], minlength=bins)
    sums = np.bincount(place, weights=confidence, minlength=bins)
    error = float(np.abs(correct - sums).sum() / totals.sum())
    return Reliability(edges, totals, correct, sums / np.maximum(totals, 1), error)


def reliability_of(evaluation: Evaluation) -> Reliability | None:
    """Returns the reliability of an evaluation's predictions; None if a probability is missing."""
    confidence = np.array([p.confidence for p in evaluation.predictions])
    if not len(confidence) or not np.isfinite(confidence).all():
        return None
    return reliability(confidence, np.array([p.right for p in evaluation.predictions]))


def calibration_section(evaluation: Evaluation) -> Section:
    """Returns the reliability diagram and how often which confidence occurs."""
    found = reliability_of(evaluation)
    if found is None:
        return Section()
    share = found.correct.sum() / found.totals.sum()
    mean = (found.confidence * found.totals).sum() / found.totals.sum()
    verdict = "overconfident" if mean > share else "underconfident"
    html = section(
        "Confidence",
        f"{protocol(evaluation.selection)}. Expected calibration error {percent(found.error)} "
        f"({_BINS} bins). The mean probability of the predicted class is {percent(mean)}, and "
        f"{percent(share)} of the predictions are right: {verdict} on the whole. On the diagonal, "
        "a clip predicted with 70 % would be right in 7 cases of 10.",
        side_by_side(
            panel("Reliability", _diagram(found).svg()),
            panel("How often each confidence occurs", _histogram(found).svg()),
        ),
    )
    return Section(html, [_diagram(found), _histogram(found)], [_table(found)])


def _diagram(found: Reliability) -> Chart:
    shown = found.totals > 0
    correct, totals = found.correct[shown], found.totals[shown]
    at, bounds = found.confidence[shown], wilson_interval(correct, totals)

    def draw() -> Figure:
        figure = Figure(figsize=SIZE, layout="constrained")
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=COLOURS.muted, linestyle=":", linewidth=1.2)
        axes.vlines(at, *bounds, color=COLOURS.accent, linewidth=1.6)
        axes.plot(at, correct / totals, "o-", color=COLOURS.accent, linewidth=1, markersize=5)
        percent_axis(axes)
        axes.set_ylim(0, 1.02)
        _confidence_axis(axes)
        axes.set_ylabel("predicted right")
        return figure

    return Chart("reliability", "Share of right predictions against confidence", draw)


def _histogram(found: Reliability) -> Chart:
    width = float(found.edges[1] - found.edges[0])
    parts = {"right": found.correct, "wrong": found.totals - found.correct}

    def draw() -> Figure:
        figure = Figure(figsize=SIZE, layout="constrained")
        axes = figure.subplots()
        bottom = np.zeros(len(found.totals))
        for (name, counts), colour in zip(
            parts.items(), (COLOURS.accent, COLOURS.second), strict=True
        ):
            style = {"width": width * 0.88, "align": "edge", "linewidth": 0, "alpha": 0.8}
            axes.bar(found.edges[:-1], counts, bottom=bottom, color=colour, label=name, **style)
            bottom = bottom + counts
        _confidence_axis(axes)
        axes.set_ylabel("clips")
        legend_above(figure, list(parts))
        return figure

    return Chart("confidence", "Number of clips by confidence, right and wrong", draw)


def _confidence_axis(axes: Axes) -> None:
    axes.set_xlim(0, 1)
    axes.set_xticks(np.linspace(0, 1, 6), [f"{v} %" for v in range(0, 101, 20)])
    axes.set_xlabel("probability of the predicted class")


def _table(found: Reliability) -> Table:
    """Returns the bins that hold clips, shares in percent."""
    rows = [
        [float(low), float(high), int(n), int(c), 100 * c / n, 100 * float(p)]
        for low, high, n, c, p in zip(
            found.edges,
            found.edges[1:],
            found.totals,
            found.correct,
            found.confidence,
            strict=False,
        )
        if n
    ]
    heads = ["from", "to", "clips", "right", "accuracy", "confidence"]
    return Table("reliability", heads, rows)
