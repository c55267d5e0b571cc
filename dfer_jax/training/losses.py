"""Losses of GCA+IAL and Optimized IAL: per clip, unreduced, float32 whatever the logits are.

H. Li et al., "Intensity-Aware Loss for Dynamic Facial Expression Recognition in the Wild", AAAI
2023, arXiv 2208.10335; D. T.-H. Lau et al., "Optimization of the Intensity Aware Loss for Dynamic
Facial Expression Recognition", APSIPA ASC 2024. Every value and gradient is finite for any finite
logits, exact ties included. Where several classes tie for the largest non-target value they share
its gradient equally (the published code gives it all to one of them).
"""

import math
from collections.abc import Mapping
from types import MappingProxyType

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from jaxtyping import Array, Float, Int

from dfer_jax.errors import UserError
from dfer_jax.ops.largest import largest


def cross_entropy(
    logits: Float[Array, "b k"],
    labels: Int[Array, " b"] | Float[Array, "b k"],
    *,
    smoothing: float = 0.0,
) -> Float[Array, " b"]:
    """Returns -log softmax(logits)[label] per clip [b], float32, in nats.

    Args:
        logits: [b, k], any floating type.
        labels: [b], 0..k-1, or [b, k], the share of each class, summing to 1.
        smoothing: share of the target that all k classes divide equally (C. Szegedy et al., CVPR
            2016); 0 leaves it to the label.
    """
    logits = logits.astype(jnp.float32)
    if labels.ndim == 2:
        loss = optax.softmax_cross_entropy(logits, labels)
    else:
        loss = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    if not smoothing:
        return loss
    return (1 - smoothing) * loss - smoothing * nn.log_softmax(logits).mean(axis=-1)


def intensity_aware(logits: Float[Array, "b k"], labels: Int[Array, " b"]) -> Float[Array, " b"]:
    """Intensity-aware loss: cross-entropy between the target and its strongest rival alone.

    -log(e^x_t / (e^x_t + e^x_max)) = softplus(x_max - x_t), x_max = max over k != t (GCA+IAL, Eqs.
    9-10). It is at most the cross-entropy.

    Args:
        logits: [b, k], k >= 2, any floating type.
        labels: [b], 0..k-1.

    Returns:
        [b], float32, in nats, >= 0.

    Example:
        >>> intensity_aware(jnp.array([[2.0, 1.0, 0.0]]), jnp.array([0]))
        Array([0.3132617], dtype=float32)
    """
    target, rival = _target_and_rival(logits.astype(jnp.float32), labels)
    return nn.softplus(rival - target)


def probability_gap(
    logits: Float[Array, "b k"],
    labels: Int[Array, " b"],
    *,
    form: str = "positive",
    eps: float = 0.02,
    log_base: str = "e",
) -> Float[Array, " b"]:
    """Loss L* of Optimized IAL on the gap between target and strongest rival probability.

    -log((g + eps) / (1 + eps)) with p = softmax(x), gap = p_t - max over k != t of p_k, and
    g = |gap| (`faithful`: the paper's Eqs. 3-4, which push a misclassified clip's target *down*) or
    g = max(gap, 0) (`positive`: no gradient for misclassified clips, where cross-entropy acts).
    Zero at g = 1, at most -log(eps / (1 + eps)) = 3.93 nats.

    Deviates: the paper's -log |gap| is unbounded at a tie, where its gradient is infinite; eps
    bounds both (0.02 gives the ceiling 1.7 in base 10 of the paper's own range). The paper says
    "logits" but its ranges are those of probabilities. It does not give the base of the logarithm.

    Args:
        logits: [b, k], k >= 2, any floating type.
        labels: [b], 0..k-1.
        form: `faithful` or `positive`.
        eps: floor of the gap, above 0.
        log_base: `e` or `10`.

    Returns:
        [b], float32, >= 0.

    Raises:
        UserError: if an option is unknown or eps is not positive.
    """
    if form not in ("faithful", "positive"):
        raise UserError(f"gap form {form!r} is unknown; choose faithful or positive")
    if log_base not in ("e", "10"):
        raise UserError(f"gap log_base {log_base!r} is unknown; choose 'e' or '10'")
    if eps <= 0:
        raise UserError(f"gap eps is {eps}; it must be above 0, or a tie has no finite loss")
    probabilities = nn.softmax(logits.astype(jnp.float32), axis=-1)
    target, rival = _target_and_rival(probabilities, labels)
    gap = target - rival
    # Both have derivative 0 at a tie: relu by convention, |gap| written so (abs has 1 there).
    g = gap * jax.lax.stop_gradient(jnp.sign(gap)) if form == "faithful" else nn.relu(gap)
    loss = -jnp.log((g + eps) / (1 + eps))
    return loss if log_base == "e" else loss / math.log(10)


def exponential_decay(
    epoch: Float[Array, ""] | Int[Array, ""] | float | int, *, amplitude: float, rate: float
) -> Float[Array, ""]:
    """Returns amplitude * exp(-rate * epoch), the weight of L* over training (epochs from 0).

    Optimized IAL, section "exponential decrease": amplitude 1 and rate 0.03 are its best.
    """
    return amplitude * jnp.exp(-rate * jnp.asarray(epoch, jnp.float32))


def clip_loss(
    logits: Float[Array, "b k"],
    aux_logits: Mapping[str, Float[Array, "b k"]],
    labels: Int[Array, " b"] | Float[Array, "b k"],
    *,
    ial_weight: float,
    aux_weights: Mapping[str, float],
    gap_weight: float | Float[Array, ""] = 0.0,
    gap_form: str = "positive",
    gap_eps: float = 0.02,
    gap_log_base: str = "e",
    label_smoothing: float = 0.0,
    instance_logits: Mapping[str, Float[Array, "b _ k"]] = MappingProxyType({}),
    instance_weights: Mapping[str, float] = MappingProxyType({}),
) -> tuple[Float[Array, " b"], dict[str, Float[Array, " b"]]]:
    """Returns the training loss of each clip and its unweighted parts.

    CE + ial_weight * IAL + gap_weight * L* + sum over stages of aux_weight * CE(auxiliary logits)
    + sum of instance_weight * mean CE over a kind of instances. The released GCA+IAL code has
    ial_weight 0.1, aux_weights {layer2: 0.05, layer3: 0} and no L*; RDFER, as its authors' public
    code states it, aux_weights {synopsis: 0.1}, instance_weights {synopsis: 0.1, detail: 0.1}.

    Args:
        logits: [b, k], any floating type.
        aux_logits: stage -> [b, k], from the model's `out["aux_logits"]`.
        labels: [b], 0..k-1, or [b, k], the share of each class; then without IAL and L*, which
            know one target.
        ial_weight: lambda of GCA+IAL; 0 switches the term off.
        aux_weights: stage -> weight, for exactly the stages of `aux_logits`.
        gap_weight: alpha of Optimized IAL times `exponential_decay`; 0 switches the term off.
        gap_form: see `probability_gap`.
        gap_eps: see `probability_gap`.
        gap_log_base: see `probability_gap`.
        label_smoothing: of the cross-entropy of `logits`, see `cross_entropy`.
        instance_logits: kind -> [b, n, k], from the model's `out["instance_logits"]`.
        instance_weights: kind -> weight, for exactly the kinds of `instance_logits`.

    Returns:
        Total [b], float32, and the parts `ce`, `ial`, `gap`, `aux_<stage>`, `instances_<kind>`,
        each [b]; of soft labels without `ial` and `gap`.

    Raises:
        UserError: if the stages or kinds of weights and logits differ.
    """
    _check_pairs("auxiliary", aux_weights, aux_logits)
    _check_pairs("instance", instance_weights, instance_logits)
    total = cross_entropy(logits, labels, smoothing=label_smoothing)
    parts = {"ce": total}
    if labels.ndim == 1:
        options = {"form": gap_form, "eps": gap_eps, "log_base": gap_log_base}
        parts["ial"] = intensity_aware(logits, labels)
        parts["gap"] = probability_gap(logits, labels, **options)
        total = total + ial_weight * parts["ial"] + gap_weight * parts["gap"]
    for stage, weight in aux_weights.items():
        part = parts[f"aux_{stage}"] = cross_entropy(aux_logits[stage], labels)
        total = total + weight * part
    for kind, weight in instance_weights.items():
        part = parts[f"instances_{kind}"] = instance_cross_entropy(instance_logits[kind], labels)
        total = total + weight * part
    return total, parts


def instance_cross_entropy(
    logits: Float[Array, "b n k"], labels: Int[Array, " b"] | Float[Array, "b k"]
) -> Float[Array, " b"]:
    """Returns the mean over n instances of -log softmax(logits)[label], float32 [b], in nats.

    Deviates: on logits, because RDFER's code applies it to values that a softmax has been applied
    to.

    Args:
        logits: [b, n, k], any floating type.
        labels: [b], 0..k-1, of all instances of a clip, or [b, k], the share of each class.
    """
    b, n, k = logits.shape
    each = cross_entropy(logits.reshape(b * n, k), labels.repeat(n, axis=0))
    return each.reshape(b, n).mean(axis=1)


def _check_pairs(kind: str, weights: Mapping[str, float], logits: Mapping[str, Array]) -> None:
    if set(weights) != set(logits):
        raise UserError(
            f"{kind} loss weights are given for {sorted(weights)} but the model has {kind} logits "
            f"at {sorted(logits)}; make the two the same"
        )


def _target_and_rival(
    x: Float[Array, "b k"], labels: Int[Array, " b"]
) -> tuple[Float[Array, " b"], Float[Array, " b"]]:
    """Returns x at the label and the largest x elsewhere."""
    is_target = jnp.arange(x.shape[-1])[None] == labels[:, None]  # [b, k]
    target = jnp.where(is_target, x, 0).sum(axis=-1)
    return target, largest(jnp.where(is_target, -jnp.inf, x), -1)
