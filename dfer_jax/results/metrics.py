"""WAR, UAR, recall and F1 from one confusion matrix; never an average of batch averages."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, Shaped


def confusion_counts(
    predictions: Int[Array, " b"],
    labels: Int[Array, " b"],
    mask: Bool[Array, " b"],
    *,
    num_classes: int,
) -> Int[Array, "k k"]:
    """Counts clips by truth (row) and prediction (column), masked rows excluded, int32."""
    truth = jax.nn.one_hot(labels, num_classes, dtype=jnp.int32) * mask[:, None].astype(jnp.int32)
    predicted = jax.nn.one_hot(predictions, num_classes, dtype=jnp.int32)
    return truth.T @ predicted


@dataclasses.dataclass(frozen=True)
class Scores:
    """What DFER papers report, each in [0, 1].

    Attributes:
        war: weighted average recall = accuracy.
        uar: unweighted average recall over the classes that occur.
        macro_f1: mean F1 over the classes that occur.
        recall: per class; NaN where the class does not occur.
        num_clips: clips counted.
    """

    war: float
    uar: float
    macro_f1: float
    recall: tuple[float, ...]
    num_clips: int


def scores(confusion: Shaped[np.ndarray, "k k"]) -> Scores:
    """Returns the scores of a confusion matrix (rows truth, columns prediction).

    Raises:
        ValueError: if the matrix counts no clip.
    """
    counts = np.asarray(confusion, np.float64)
    total, hits = counts.sum(), np.diag(counts)
    if total == 0:
        raise ValueError("the confusion matrix counts no clip")
    of_class, as_class = counts.sum(1), counts.sum(0)
    present = of_class > 0
    recall = np.where(present, hits / np.maximum(of_class, 1), np.nan)
    f1 = 2 * hits / np.maximum(of_class + as_class, 1)
    return Scores(
        war=float(hits.sum() / total),
        uar=float(recall[present].mean()),
        macro_f1=float(f1[present].mean()),
        recall=tuple(float(r) for r in recall),
        num_clips=int(total),
    )
