"""Confidence intervals for recalls: what the number of test clips alone leaves open.

They describe the draw of test clips, taken as independent. They do not contain the spread between
training seeds, and clips cut from one film are not independent, so the truth is wider still.
"""

import numpy as np
from jaxtyping import Float64, Integer

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
