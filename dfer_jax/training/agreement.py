"""Agreement: tells hard clips from mislabelled ones by what several views of a clip are taken for.

After F. Liu, H. Wang, S. Shen, "Robust Dynamic Facial Expression Recognition" (RDFER), arXiv
2502.16129: the model classifies several clips cut from one video. Different answers mean a hard
video, which is reinforced; the same answer and a large loss mean a wrong label, which is prevented
from being learned. `Agreement` is a wrapper around any loss per clip: its weights multiply it.

Deviates: formula, threshold and warm-up are our reconstruction, because the paper's abstract and
figures do not give them. A large loss is read as a margin m of the mean prediction against the
label; agreement is the share of the modal class, whose levels for four views are the paper's.
"""

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Int8, PyTree

from dfer_jax.errors import UserError

VERDICTS = ("clean", "hard", "noisy")
"""Names of the verdicts 0, 1 and 2."""


class Judgement(NamedTuple):
    """What the views say about each clip; none of it has a gradient.

    Attributes:
        share: [b], float32, A: the part of the views that vote for the modal class, 1/K..1.
        modal_class: [b], int32, the class with most votes.
        margin: [b], float32, m in [0, 1]: the largest mean probability less the label's.
        verdict: [b], int8, 0 clean, 1 hard, 2 noisy.
        weights: [b], float32, of the clip's loss once warm-up and ramp are over.
    """

    share: Float[Array, " b"]
    modal_class: Int[Array, " b"]
    margin: Float[Array, " b"]
    verdict: Int8[Array, " b"]
    weights: Float[Array, " b"]


@dataclasses.dataclass(frozen=True)
class Agreement:
    """Settings of the verdict and of the weights.

    Attributes:
        warmup_epochs: epochs at the start in which every weight is 1; a tenth of training.
        ramp_epochs: epochs after them over which weights go from 1 to their value.
        views: K, predictions per clip, at least 2.
        a_noisy: least agreement of a noisy clip.
        m_noisy: margin that a noisy clip exceeds.
        gamma: how much a hard clip's weight exceeds 1 when all views differ.

    Raises:
        UserError: if a setting makes no sense.
    """

    warmup_epochs: float | int
    ramp_epochs: float | int = 5.0
    views: int = 4
    a_noisy: float = 1.0
    m_noisy: float = 0.5
    gamma: float = 1.0

    def __post_init__(self) -> None:
        if self.views < 2:
            raise UserError(f"agreement views is {self.views}; fewer than 2 can not disagree")
        if min(self.warmup_epochs, self.ramp_epochs, self.gamma) < 0:
            raise UserError("agreement warmup_epochs, ramp_epochs and gamma must not be negative")

    def judge(self, probabilities: Float[Array, "b v k"], labels: Int[Array, " b"]) -> Judgement:
        """Judges clips; the order of a clip's views changes nothing, bit for bit.

        A clip is noisy if A >= a_noisy and m > m_noisy, else hard if A < 1, else clean. Its weight
        is 0, 1 + gamma * (1 - A) * K / (K - 1), or 1. A and the modal class do not depend on the
        label; of classes with equally many votes that with the larger mean probability is modal.

        Args:
            probabilities: [b, K, k], each row of k sums to 1.
            labels: [b], 0..k-1.

        Raises:
            UserError: if there are not K views.
        """
        views = probabilities.shape[1]
        if views != self.views:
            raise UserError(
                f"agreement of {self.views} views got {views} predictions per clip; set its views "
                "to the number the model or the re-sampling gives"
            )
        p = jax.lax.stop_gradient(probabilities.astype(jnp.float32))
        votes = _votes(p)  # [b, k]
        share = votes.max(axis=-1) / views
        mean = jnp.sort(p, axis=1).mean(axis=1)  # sorted, as a sum's rounding depends on its order
        is_mode = votes == votes.max(axis=-1, keepdims=True)
        modal_class = jnp.where(is_mode, mean, -1.0).argmax(axis=-1)
        margin = mean.max(axis=-1) - jnp.take_along_axis(mean, labels[:, None], axis=1)[:, 0]
        noisy = (share >= self.a_noisy) & (margin > self.m_noisy)
        verdict = jnp.where(noisy, 2, (share < 1).astype(jnp.int32)).astype(jnp.int8)
        reinforced = 1 + self.gamma * (1 - share) * views / (views - 1)  # 1 where all agree
        weights = jnp.where(noisy, 0.0, reinforced)
        return Judgement(share, modal_class, margin, verdict, weights)

    def __call__(
        self,
        losses: Float[Array, " b"],
        probabilities: Float[Array, "b v k"],
        labels: Int[Array, " b"],
        *,
        epoch: Float[Array, ""] | float | int,
    ) -> tuple[Float[Array, " b"], dict[str, Float[Array, ""]]]:
        """Returns the weight of each clip's loss and the batch's `tally`.

        The loss of the batch is the mean of weights * losses over all clips, not over the sum of
        the weights: what is left out shrinks the step. No gradient passes through the weights.

        Args:
            losses: [b]; not read, because the verdict rests on the predictions.
            probabilities: [b, K, k], see `judge`.
            labels: [b], 0..k-1.
            epoch: epochs since the start, fractions included; may be traced.
        """
        del losses
        judgement = self.judge(probabilities, labels)
        part = ramp(epoch, start=self.warmup_epochs, length=self.ramp_epochs)
        return 1 + part * (judgement.weights - 1), tally(judgement, labels, views=self.views)


def ramp(
    epoch: Float[Array, ""] | float | int, *, start: float | int, length: float | int
) -> Float[Array, ""]:
    """Returns 0 before epoch `start`, 1 from `start + length`, and a straight line between."""
    since = jnp.asarray(epoch, jnp.float32) - start
    if not length:
        return (since >= 0).astype(jnp.float32)
    return jnp.clip(since / length, 0.0, 1.0)


def tally(
    judgement: Judgement, labels: Int[Array, " b"], *, views: int
) -> dict[str, Float[Array, ""]]:
    """Returns what an epoch's log is made of, as shares of the clips given, float32.

    Means of it over batches of one size are those of all their clips.

    Args:
        judgement: of b clips.
        labels: [b].
        views: K.

    Returns:
        The shares `clean`, `hard`, `noisy`, and for i = 1..K `agree_<i>`, the share of clips whose
        modal class has i votes, and `agree_<i>_correct`, of those too whose modal class is the
        label.
    """
    found = {name: _share_of(judgement.verdict == verdict) for verdict, name in enumerate(VERDICTS)}
    level = jnp.round(judgement.share * views)
    correct = judgement.modal_class == labels
    for i in range(1, views + 1):
        found[f"agree_{i}"] = _share_of(level == i)
        found[f"agree_{i}_correct"] = _share_of((level == i) & correct)
    return found


def accuracy_by_level(means: Mapping[str, float], *, views: int) -> dict[float, float]:
    """Returns agreement -> accuracy of the modal class, for the levels that occur.

    Args:
        means: averages, or sums, of `tally` over an epoch.
        views: K.
    """
    return {
        i / views: float(means[f"agree_{i}_correct"] / means[f"agree_{i}"])
        for i in range(1, views + 1)
        if means[f"agree_{i}"] > 0
    }


def keep_state_without_weight(
    weight_sum: Float[Array, ""], *, updated: PyTree, unchanged: PyTree
) -> PyTree:
    """Returns `updated`, or `unchanged` where every clip of the batch has weight 0.

    A gradient of zero is no step without this: momentum and weight decay would move parameters.

    Args:
        weight_sum: of the whole batch, over all devices.
        updated: the state after the step.
        unchanged: the state before it, of the same structure.
    """
    return jax.tree.map(lambda new, old: jnp.where(weight_sum > 0, new, old), updated, unchanged)


def _votes(p: Float[Array, "b v k"]) -> Int[Array, "b k"]:
    votes = p.argmax(axis=-1)[..., None] == jnp.arange(p.shape[-1])[None, None]
    return votes.sum(axis=1)


def _share_of(chosen: Bool[Array, " b"]) -> Float[Array, ""]:
    return chosen.astype(jnp.float32).mean()
