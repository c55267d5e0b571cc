"""Confidence intervals and tests for recalls: what the number of test clips alone leaves open.

They describe the draw of test clips, taken as independent. They do not contain the spread between
training seeds, and clips cut from one film are not independent, so the truth is wider still.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Integer

Z_95 = 1.959963984540054
"""Two-sided 95 % quantile of the normal distribution."""


def wilson_interval(
    correct: Integer[np.ndarray, " n"], totals: Integer[np.ndarray, " n"], *, z: float = Z_95
) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, " n"]]:
    """Returns the Wilson score interval of each proportion `correct / totals`.

    Unlike the textbook +- interval it stays inside [0, 1] and keeps a width at recall 0 and 1,
    which rare classes often reach. Source: Wilson (1927), "Probable inference, the law of
    succession, and statistical inference", JASA 22.

    Args:
        correct: [n] number of clips predicted right, each between 0 and its total.
        totals: [n] number of clips; a total of 0 gives the interval [0, 1].
        z: normal quantile, 1.96 for 95 %.

    Returns:
        Lower and upper bounds, each [n] in [0, 1].
    """
    wrong = totals - correct
    centre = (correct + z**2 / 2) / (totals + z**2)
    spread = np.sqrt(correct * wrong / np.maximum(totals, 1) + z**2 / 4) * z / (totals + z**2)
    return np.clip(centre - spread, 0.0, 1.0), np.clip(centre + spread, 0.0, 1.0)


def uar_interval(
    correct: Integer[np.ndarray, " k"], totals: Integer[np.ndarray, " k"], *, z: float = Z_95
) -> tuple[float, float]:
    """Returns an interval for the UAR, the mean of the class recalls, from their Wilson intervals.

    The distances from each recall to its bounds add up as independent errors do (the MOVER rule).
    Source: Zou, Huang and Zhang (2009), "A note on confidence interval estimation for a linear
    function of binomial proportions", Computational Statistics & Data Analysis 53.

    Args:
        correct: [k] clips predicted right per class.
        totals: [k] clips per class; classes without clips are left out, as in the UAR itself.
        z: normal quantile, 1.96 for 95 %.

    Returns:
        Lower and upper bound in [0, 1]; (0.0, 1.0) when no class has a clip.
    """
    present = totals > 0
    if not present.any():
        return 0.0, 1.0
    correct, totals = correct[present], totals[present]
    recall = correct / totals
    low, high = wilson_interval(correct, totals, z=z)
    below = np.sqrt(np.sum((recall - low) ** 2)) / len(recall)
    above = np.sqrt(np.sum((high - recall) ** 2)) / len(recall)
    return max(0.0, float(recall.mean() - below)), min(1.0, float(recall.mean() + above))


class Differences(NamedTuple):
    """Second run minus first run: value, lower and upper bound, shares in [-1, 1]."""

    war: tuple[float, float, float]
    uar: tuple[float, float, float]


def paired_differences(
    first: Bool[np.ndarray, " n"],
    second: Bool[np.ndarray, " n"],
    labels: Integer[np.ndarray, " n"],
    *,
    num_classes: int,
    seed: int,
    draws: int,
) -> Differences:
    """Returns how much better the second run is on the same clips, with 95 % bootstrap intervals.

    Clips are drawn with replacement within each class, both runs' results together, so what the
    runs have in common cancels; percentile intervals. Within a class only the counts of clips won,
    lost and shared matter, so drawing clips is drawing from a multinomial distribution. Source:
    B. Efron and R. Tibshirani (1993), "An introduction to the bootstrap", chapters 8 and 13.

    Args:
        first: [n] whether the first run is right, n >= 1.
        second: [n] whether the second run is.
        labels: [n] true classes; classes without clips are left out of the UAR.
        num_classes: k.
        seed: of the draws.
        draws: number of bootstrap samples.
    """
    rng = np.random.default_rng(seed)
    gain = second.astype(int) - first.astype(int)
    totals = np.bincount(labels, minlength=num_classes)
    exact, drawn = [], []  # per class with clips: mean gain, and the same of each draw
    for label in np.flatnonzero(totals):
        counts = np.array([np.sum(gain[labels == label] == value) for value in (-1, 0, 1)])
        samples = rng.multinomial(totals[label], counts / totals[label], size=draws)  # [draws, 3]
        exact.append((counts[2] - counts[0]) / totals[label])
        drawn.append((samples[:, 2] - samples[:, 0]) / totals[label])
    found = []
    for weights in (totals[totals > 0] / totals.sum(), np.full(len(exact), 1 / len(exact))):
        low, high = np.quantile(weights @ np.array(drawn), [0.025, 0.975])
        found.append((float(weights @ np.array(exact)), float(low), float(high)))
    return Differences(*found)


def mcnemar_p_value(only_first: int, only_second: int) -> float:
    """Returns the two-sided p-value of the exact McNemar test.

    The chance, were both runs equally good, of counts at least as uneven as these. Source:
    Q. McNemar (1947), "Note on the sampling error of the difference between correlated proportions
    or percentages", Psychometrika 12; exact binomial form.

    Args:
        only_first: clips that only the first run predicts right.
        only_second: clips that only the second run predicts right.
    """
    n, fewer = only_first + only_second, min(only_first, only_second)
    tail = sum(math.comb(n, i) for i in range(fewer + 1))
    return min(1.0, 2 * tail / 2**n)
