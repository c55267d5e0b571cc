"""Intervals of the scores of frames, from drawing videos anew."""

from typing import NamedTuple

import numpy as np

from dfer_jax.frames.report.inputs import Evaluated

FEWEST_VIDEOS = 10
_DRAWS = 2000


class ScoreIntervals(NamedTuple):
    """Lower and upper bounds, shares in [0, 1]."""

    macro_f1: tuple[float, float]
    accuracy: tuple[float, float]


def score_intervals(evaluated: Evaluated) -> ScoreIntervals | None:
    """Returns 95 % percentile intervals of macro-F1 and accuracy; None below ten videos.

    Videos are drawn with replacement, for the frames of a video are far from independent: an
    interval that counts frames would be many times too narrow. Source: B. Efron, R. Tibshirani
    (1993), "An introduction to the bootstrap", chapters 8 and 13; the draws are of seed 0.
    """
    hits, extra, missed = evaluated.counts_by_video
    videos, k = hits.shape
    if videos < FEWEST_VIDEOS:
        return None
    draw = np.random.default_rng(0).multinomial(videos, np.full(videos, 1 / videos), size=_DRAWS)
    hits, extra, missed, frames = (
        draw @ count for count in (hits, extra, missed, evaluated.frames_by_video)
    )
    f1 = (2 * hits / np.maximum(2 * hits + extra + missed, 1)).mean(axis=1)
    if evaluated.result.kind == "expressions":
        accuracy = hits.sum(axis=1) / frames
    else:
        accuracy = 1 - (extra + missed).sum(axis=1) / (k * frames)
    return ScoreIntervals(_bounds(f1), _bounds(accuracy))


def _bounds(values: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)
