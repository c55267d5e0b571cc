"""Several views of each clip at test: the network sees them one after the other, as more rows."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8


def in_a_row(clips: UInt8[Array, "b *rest"]) -> tuple[UInt8[Array, "bv t s s 3"], int]:
    """Returns the views as rows, those of a clip side by side, and how many a clip has.

    Args:
        clips: `[b, v, t, s, s, 3]`, or `[b, t, s, s, 3]` of one view.
    """
    if clips.ndim == 5:
        return clips, 1
    return clips.reshape(-1, *clips.shape[2:]), clips.shape[1]


def without_copies(clips: UInt8[np.ndarray, "b v *rest"]) -> UInt8[np.ndarray, "b w *rest"]:
    """Returns one view where those of each clip are alike, as they are of short ones; else all."""
    alike = all(np.array_equal(clips[:, 0], clips[:, view]) for view in range(1, clips.shape[1]))
    return clips[:, :1] if alike else clips


def average_logits(
    logits: Float[Array, "bv k"], views: int, *, of: str = "probabilities"
) -> Float[Array, "b k"]:
    """Returns logits of each clip, whose softmax is what is said of it.

    Args:
        logits: of all views, in the order of `in_a_row`.
        views: of a clip; the logits of one alone stay as they are.
        of: what is averaged. "probabilities": the softmax of the result is their mean; "logits".
    """
    if views == 1:
        return logits
    parted = logits.astype(jnp.float32).reshape(-1, views, logits.shape[-1])
    if of == "logits":
        return parted.mean(axis=1)
    return jax.nn.logsumexp(jax.nn.log_softmax(parted), axis=1) - jnp.log(views)


def mean(x: Float[Array, "bv ..."], views: int) -> Float[Array, "b ..."]:
    """Returns the mean over the views of each clip."""
    return x if views == 1 else x.reshape(-1, views, *x.shape[1:]).mean(axis=1)
