"""Bootstrap confidence intervals of WAR, UAR and recalls: the test clips drawn anew."""

import numpy as np
from jaxtyping import Float64, Int64

_PER_BATCH = 50  # draws held in memory at a time


def score_intervals(
    hits: Float64[np.ndarray, " n"],
    labels: Int64[np.ndarray, " n"],
    *,
    num_classes: int,
    draws: int = 2000,
    level: float = 0.95,
) -> tuple[Float64[np.ndarray, " scores"], Float64[np.ndarray, " scores"]]:
    """Returns percentile intervals from resampling clips with replacement; fixed seed.

    They describe the draw of test clips, taken as independent. They hold no spread over training
    seeds, and clips cut from one film are not independent, so the truth is wider. A class whose
    recall is 0 gets the interval [0, 0], which says nothing: `intervals.wilson_interval` does.

    Args:
        hits: 1 for a clip predicted right, 0 for wrong, or the mean of that over several models.
        labels: class indices.
        num_classes: k.
        draws: how often the clips are drawn anew.
        level: share of the draws inside.

    Returns:
        Lower and upper bounds in [0, 1] of the k recalls, the UAR (over the classes drawn) and the
        WAR; NaN for a class without clips.
    """
    rng = np.random.default_rng(0)
    found = np.empty((draws, num_classes + 2))
    for first in range(0, draws, _PER_BATCH):
        rows = slice(first, min(first + _PER_BATCH, draws))
        count = rows.stop - rows.start
        drawn = rng.integers(len(labels), size=(count, len(labels)))
        cells = (labels[drawn] + num_classes * np.arange(count)[:, None]).ravel()
        totals = np.bincount(cells, minlength=count * num_classes)
        right = np.bincount(cells, hits[drawn].ravel(), minlength=count * num_classes)
        totals, right = (x.reshape(count, num_classes) for x in (totals, right))
        recall = np.where(totals > 0, right / np.maximum(totals, 1), np.nan)
        found[rows, :-2] = recall
        found[rows, -2] = np.nanmean(recall, axis=1)
        found[rows, -1] = right.sum(1) / len(labels)
    present = ~np.isnan(found).all(axis=0)
    bounds = np.full((2, num_classes + 2), np.nan)
    tail = (1 - level) / 2
    bounds[:, present] = np.nanquantile(found[:, present], [tail, 1 - tail], axis=0)
    return bounds[0], bounds[1]
