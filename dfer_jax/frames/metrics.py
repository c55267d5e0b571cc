"""Scores of frames as the ABAW challenges define them, from sums over all frames of all videos.

ABAW 2021 (D. Kollias, S. Zafeiriou, "Analysing affective behavior in the second ABAW2
competition", ICCV workshops 2021): 0.67 F1 + 0.33 accuracy for expressions, half and half for
action units. From 2022 (ABAW3) on: the mean F1 alone.

Deviates: F1 is averaged over all classes of the task and is 0 for one that neither occurs nor is
predicted; scikit-learn's macro average leaves such a class out unless it is given the labels.
"""

import dataclasses
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float64, Int, Shaped

from dfer_jax.errors import UserError

WEIGHTS = {
    ("expressions", "abaw2"): (0.67, 0.33),
    ("action_units", "abaw2"): (0.5, 0.5),
    ("expressions", "abaw3"): (1.0, 0.0),
    ("action_units", "abaw3"): (1.0, 0.0),
}
"""Weight of the mean F1 and of the accuracy by task and edition (abaw3 stands for all later)."""


def challenge_score(f1: float, accuracy: float, *, task: str, edition: str) -> float:
    """Returns the number a challenge ranks by.

    Args:
        f1: mean F1 over the classes or action units, in [0, 1].
        accuracy: of frames (expressions) or of cells, frames x units (action units), in [0, 1].
        task: `expressions` or `action_units`.
        edition: `abaw2` (2021) or `abaw3` (2022 and later).

    Raises:
        UserError: if there is no such task or edition.
    """
    if (task, edition) not in WEIGHTS:
        known = ", ".join(f"{t} of {e}" for t, e in WEIGHTS)
        raise UserError(f"no score is known for {task} of {edition}; choose from {known}")
    of_f1, of_accuracy = WEIGHTS[task, edition]
    return of_f1 * f1 + of_accuracy * accuracy


@dataclasses.dataclass(frozen=True)
class ExpressionScores:
    """Scores of expressions, each in [0, 1]; UAR and recall are in `metrics.scores`.

    Attributes:
        f1: per class, 2 TP / (2 TP + FP + FN); 0 for a class never seen and never predicted.
        macro_f1: their mean over all classes.
        accuracy: share of the frames.
        num_frames: frames counted.
    """

    f1: tuple[float, ...]
    macro_f1: float
    accuracy: float
    num_frames: int

    def score(self, edition: str) -> float:
        """Returns the score of an edition; see `challenge_score`."""
        return challenge_score(self.macro_f1, self.accuracy, task="expressions", edition=edition)


def expression_scores(confusion: Shaped[np.ndarray, "k k"]) -> ExpressionScores:
    """Returns the scores of a confusion matrix (rows truth), summed by `metrics.confusion_counts`.

    Raises:
        ValueError: if the matrix counts no frame.
    """
    counts = np.asarray(confusion, np.float64)
    if counts.sum() == 0:
        raise ValueError("the confusion matrix counts no frame")
    hits = np.diag(counts)
    f1 = _f1(hits, counts.sum(0) - hits, counts.sum(1) - hits)
    return ExpressionScores(
        f1=tuple(f1.tolist()),
        macro_f1=float(f1.mean()),
        accuracy=float(hits.sum() / counts.sum()),
        num_frames=int(counts.sum()),
    )


class ActionUnitCounts(NamedTuple):
    """Sums over frames, int32: add those of batches and devices with `jax.tree.map`.

    Attributes:
        true_positive: [k], frames in which the unit is active and predicted.
        false_positive: [k].
        false_negative: [k].
        all_correct: frames whose units are all right.
        num_frames: frames counted.
    """

    true_positive: Shaped[Array | np.ndarray, " k"]
    false_positive: Shaped[Array | np.ndarray, " k"]
    false_negative: Shaped[Array | np.ndarray, " k"]
    all_correct: Shaped[Array | np.ndarray, ""]
    num_frames: Shaped[Array | np.ndarray, ""]


def action_unit_counts(
    predictions: Bool[Array, "b k"], labels: Int[Array, "b k"], mask: Bool[Array, " b"]
) -> ActionUnitCounts:
    """Counts action units of frames, masked frames excluded.

    Args:
        predictions: whether each unit is active; `logits >= 0` is sigmoid >= 0.5.
        labels: 0 or 1; anything where the mask is False.
        mask: whether the frame is labelled.
    """
    truth, valid = labels == 1, mask[:, None]

    def count(where: Bool[Array, "b k"]) -> Int[Array, " k"]:
        return (where & valid).sum(axis=0, dtype=jnp.int32)

    return ActionUnitCounts(
        true_positive=count(predictions & truth),
        false_positive=count(predictions & ~truth),
        false_negative=count(~predictions & truth),
        all_correct=((predictions == truth).all(axis=1) & mask).sum(dtype=jnp.int32),
        num_frames=mask.sum(dtype=jnp.int32),
    )


@dataclasses.dataclass(frozen=True)
class ActionUnitScores:
    """Scores of action units, each in [0, 1].

    Attributes:
        f1: per unit, of being active; 0 for a unit never active and never predicted.
        macro_f1: their mean.
        accuracy: share of the cells, frames x units, that are right.
        exact_match: share of the frames whose units are all right. Presumably the accuracy of the
            challenge's baseline row (0.22 beside F1 0.40), which cannot be that of cells.
        num_frames: frames counted.
    """

    f1: tuple[float, ...]
    macro_f1: float
    accuracy: float
    exact_match: float
    num_frames: int

    def score(self, edition: str) -> float:
        """Returns the score of an edition; see `challenge_score`."""
        return challenge_score(self.macro_f1, self.accuracy, task="action_units", edition=edition)


def action_unit_scores(counts: ActionUnitCounts) -> ActionUnitScores:
    """Returns the scores of summed counts.

    Raises:
        ValueError: if they count no frame.
    """
    hits, extra, missed, all_correct, frames = (np.asarray(c, np.float64) for c in counts)
    if frames == 0:
        raise ValueError("the counts are of no frame")
    f1 = _f1(hits, extra, missed)
    return ActionUnitScores(
        f1=tuple(f1.tolist()),
        macro_f1=float(f1.mean()),
        accuracy=float(1 - (extra + missed).sum() / (frames * len(f1))),
        exact_match=float(all_correct / frames),
        num_frames=int(frames),
    )


def _f1(
    hits: Float64[np.ndarray, " k"],
    extra: Float64[np.ndarray, " k"],
    missed: Float64[np.ndarray, " k"],
) -> Float64[np.ndarray, " k"]:
    return 2 * hits / np.maximum(2 * hits + extra + missed, 1)
