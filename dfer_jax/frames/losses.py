"""Losses of frames: unreduced, float32 whatever the logits are, zero where a frame has no label.

"Spatial and Temporal Networks for Facial Expression Recognition in the Wild Videos", arXiv
2107.05160 (ABAW 2021): softmax cross-entropy for expressions and sigmoid cross-entropy for action
units, both without class weights; the weights here are additions, off by default.
"""

import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Float32, Int, Shaped


def cross_entropy(
    logits: Float[Array, "*n k"],
    labels: Int[Array, "*n"],
    mask: Bool[Array, "*n"],
    *,
    class_weights: Float[Array, " k"] | None = None,
) -> Float[Array, "*n"]:
    """Returns w[label] * -log softmax(logits)[label] of each frame, float32, in nats.

    Deviates: a weighted mean in PyTorch is divided by the sum of the weights met in the batch; the
    objective divides by the number of frames (`objective.make_weigh_frames`), so that how frames
    are dealt to batches and devices changes nothing. `inverse_frequency` makes both the same on
    average.

    Args:
        logits: [*n, k], any leading axes, such as [b, t, k].
        labels: [*n], 0..k-1; anything where the mask is False.
        mask: [*n], whether the frame is labelled and no padding.
        class_weights: [k], w; None for ones.
    """
    safe = jnp.where(mask, labels, 0)
    loss = optax.softmax_cross_entropy_with_integer_labels(logits.astype(jnp.float32), safe)
    if class_weights is not None:
        loss = loss * class_weights[safe]
    return jnp.where(mask, loss, 0)


def binary_cross_entropy(
    logits: Float[Array, "*n k"],
    labels: Int[Array, "*n k"],
    mask: Bool[Array, "*n"],
    *,
    positive_weights: Float[Array, " k"] | None = None,
) -> Float[Array, "*n"]:
    """Returns the mean over action units of each frame's sigmoid cross-entropy, float32, in nats.

    Per unit: -(w y log s(x) + (1 - y) log(1 - s(x))).

    Args:
        logits: [*n, k], any leading axes.
        labels: [*n, k], 0 or 1; anything where the mask is False.
        mask: [*n], whether the frame is labelled (with all its units) and no padding.
        positive_weights: [k], w; None for ones.
    """
    x = logits.astype(jnp.float32)
    y = jnp.where(mask[..., None], labels, 0).astype(jnp.float32)
    w = jnp.ones_like(x)
    if positive_weights is not None:
        w = jnp.broadcast_to(positive_weights, x.shape)
    loss = w * y * optax.sigmoid_binary_cross_entropy(x, jnp.ones_like(x))
    loss = loss + (1 - y) * optax.sigmoid_binary_cross_entropy(x, jnp.zeros_like(x))
    return jnp.where(mask, loss.mean(axis=-1), 0)


def inverse_frequency(counts: Shaped[np.ndarray, " k"]) -> Float32[np.ndarray, " k"]:
    """Returns class weights N / (k * n_c) from the frames of each class.

    Their mean over the frames is 1. k is the number of classes that occur; a class without frames
    gets weight 0.

    Args:
        counts: n_c, training frames of each class.
    """
    counts = np.asarray(counts, np.float64)
    occurring = counts > 0
    weights = np.where(occurring, counts.sum() / np.maximum(counts, 1), 0)
    return (weights / max(occurring.sum(), 1)).astype(np.float32)


def negatives_per_positive(
    positives: Shaped[np.ndarray, " k"], num_frames: int
) -> Float32[np.ndarray, " k"]:
    """Returns the weight of each action unit's positive frames, negatives / positives.

    A unit that is never active gets weight 1.

    Args:
        positives: training frames in which each unit is active.
        num_frames: labelled training frames.
    """
    positives = np.asarray(positives, np.float64)
    weights = (num_frames - positives) / np.maximum(positives, 1)
    return np.where(positives > 0, weights, 1).astype(np.float32)
