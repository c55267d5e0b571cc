"""Losses on how the classes of one clip relate; per clip, unreduced, float32.

Both are reconstructions: the papers they stand for say what the losses do, not their formulas.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float, Int


def compact_softmax(logits: Float[Array, "b k"], labels: Int[Array, " b"]) -> Float[Array, " b"]:
    """Returns how unequal the classes other than the label are: 0 where they are the same.

    The mean over k != label of -log q_k, minus log(K - 1), where q is the softmax without the
    label: the divergence of q from equal shares. Added to the cross-entropy it lets the clips of a
    class differ in nothing but the label's own logit, so their features are compact.

    A reconstruction: F. Ma, B. Sun, S. Li, "Spatio-Temporal Transformer for Dynamic Facial
    Expression Recognition in the Wild", arXiv 2205.04749, adds to softmax cross-entropy a term for
    the smallest distance within a class and the largest between classes; its formula is not known
    to us.

    Args:
        logits: [b, k], k >= 2, any floating type.
        labels: [b], 0..k-1.
    """
    logits = logits.astype(jnp.float32)
    others = ~jax.nn.one_hot(labels, logits.shape[-1], dtype=bool)
    count = logits.shape[-1] - 1
    total = nn.logsumexp(logits, axis=-1, where=others)
    return total - jnp.where(others, logits, 0).sum(axis=-1) / count - jnp.log(count)


def group_cross_entropy(
    logits: Float[Array, "b k"],
    labels: Int[Array, " b"] | Float[Array, "b k"],
    *,
    groups: Sequence[Sequence[int]],
) -> Float[Array, " b"]:
    """Returns -log of the probability of the label's group, the sum over its classes.

    By the chain rule cross-entropy is this plus that within the group; with a weight of w the
    coarse decision counts 1 + w times.

    A reconstruction of the emotion groups of AEN (B. Lee, H. Shin, B. Ku, H. Ko, "Frame Level
    Emotion Guided Dynamic Facial Expression Recognition With Emotion Grouping", CVPR workshops
    2023), which has a coarse head and one head for each group; no code is public, its groups and
    its formulas are not known to us.

    Args:
        logits: [b, k], any floating type.
        labels: [b], 0..k-1, or [b, k], the share of each class.
        groups: classes of each group; every class is in one.
    """
    logits = logits.astype(jnp.float32)
    if labels.ndim == 1:
        labels = jax.nn.one_hot(labels, logits.shape[-1], dtype=jnp.float32)
    of_groups = [nn.logsumexp(logits[:, jnp.array(group)], axis=-1) for group in groups]
    log_p = nn.log_softmax(jnp.stack(of_groups, axis=-1))
    shares = jnp.stack([labels[:, jnp.array(group)].sum(axis=-1) for group in groups], axis=-1)
    return -(shares * log_p).sum(axis=-1)
