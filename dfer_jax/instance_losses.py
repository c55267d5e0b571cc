"""Loss of a model that decides on a video, on a synopsis of it and on single instances of both.

The loss of RDFER (F. Liu, H. Wang, S. Shen, arXiv 2502.16129) as its authors' public code states
it. Per clip, unreduced, float32 whatever the logits are.

Deviates: all cross-entropies are on logits, because the code applies those of the instances to
values that a softmax has been applied to.
"""

from collections.abc import Mapping

from jaxtyping import Array, Float, Int

from dfer_jax import losses
from dfer_jax.errors import UserError

AUX_WEIGHTS = {"synopsis": 0.1}
"""Weights of RDFER's loss on the logits of a whole network."""

INSTANCE_WEIGHTS = {"synopsis": 0.1, "detail": 0.1}
"""Weights of RDFER's losses on the logits of instances."""


def instance_cross_entropy(
    logits: Float[Array, "b n k"], labels: Int[Array, " b"]
) -> Float[Array, " b"]:
    """Returns the mean over n instances of -log softmax(logits)[label], float32 [b], in nats.

    Args:
        logits: [b, n, k], any floating type.
        labels: [b], 0..k-1, of all instances of a clip.
    """
    b, n, k = logits.shape
    each = losses.cross_entropy(logits.reshape(b * n, k), labels.repeat(n))
    return each.reshape(b, n).mean(axis=1)


def clip_loss(
    logits: Float[Array, "b k"],
    aux_logits: Mapping[str, Float[Array, "b k"]],
    instance_logits: Mapping[str, Float[Array, "b _ k"]],
    labels: Int[Array, " b"],
    *,
    aux_weights: Mapping[str, float],
    instance_weights: Mapping[str, float],
) -> tuple[Float[Array, " b"], dict[str, Float[Array, " b"]]]:
    """Returns the training loss of each clip and its unweighted parts.

    CE + sum of aux_weight * CE(auxiliary logits) + sum of instance_weight * mean CE over instances.
    A weight for the clip multiplies the whole sum.

    Args:
        logits: [b, k], any floating type.
        aux_logits: stage -> [b, k], from the model's `out["aux_logits"]`.
        instance_logits: stage -> [b, n, k], from the model's `out["instance_logits"]`.
        labels: [b], 0..k-1.
        aux_weights: stage -> weight, for exactly the stages of `aux_logits`.
        instance_weights: stage -> weight, for exactly the stages of `instance_logits`.

    Returns:
        Total [b], float32, and the parts `ce`, `aux_<stage>`, `instances_<stage>`, each [b].

    Raises:
        UserError: if the stages of weights and logits differ.
    """
    _check(aux_weights, aux_logits, "auxiliary")
    _check(instance_weights, instance_logits, "instance")
    total = losses.cross_entropy(logits, labels)
    parts = {"ce": total}
    for stage, weight in aux_weights.items():
        part = parts[f"aux_{stage}"] = losses.cross_entropy(aux_logits[stage], labels)
        total = total + weight * part
    for stage, weight in instance_weights.items():
        part = instance_cross_entropy(instance_logits[stage], labels)
        parts[f"instances_{stage}"] = part
        total = total + weight * part
    return total, parts


def _check(weights: Mapping[str, float], found: Mapping[str, Array], kind: str) -> None:
    if set(weights) != set(found):
        raise UserError(
            f"{kind} loss weights are given for {sorted(weights)} but the model has {kind} logits "
            f"of {sorted(found)}; make the two the same"
        )
