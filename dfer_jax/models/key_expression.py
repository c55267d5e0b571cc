"""Key-expression re-sampling: 16 frames spread over a video, its key instants, frames around them.

After the key expression re-sampling framework of RDFER (F. Liu, H. Wang, S. Shen, arXiv
2502.16129) as its authors' public code shows it. All positions are counted on a grid of T frames
(64 there) that the input holds; synopsis frame i of 16 stands at i * (T - 1) / 15 on it.

Deviates: key instants are peaks of the predicted class, because the learned positions of the code
receive no gradient; indices are integers and pass none here either. Positions outside the video
are moved to its first or last frame, because the code shows the network black ones.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, Num

SYNOPSIS_FRAMES = 16
"""Frames of the synopsis."""

CLIP_FRAMES = 4
"""Frames of a detail clip, and of a group within which the synopsis network shifts channels."""


def synopsis_indices(
    num_frames: int, *, num_clips: int, key: Key[Array, ""] | None = None
) -> Int[Array, "b 16"]:
    """Returns the frames of the synopsis, floor(i * (T - 1) / 15), int32 [b, 16], ascending.

    Args:
        num_frames: T, frames of the grid; repeated where there are fewer than 16.
        num_clips: b.
        key: moves every frame but the last forward by 0, 1, ..., T // 32 (0..2 at T = 64), drawn
            for each clip on its own; None moves none.
    """
    steps = jnp.arange(SYNOPSIS_FRAMES, dtype=jnp.int32)
    grid = steps * (num_frames - 1) // (SYNOPSIS_FRAMES - 1)
    indices = jnp.broadcast_to(grid[None], (num_clips, SYNOPSIS_FRAMES))
    if key is None:
        return indices
    moves = jax.random.randint(key, indices.shape, 0, num_frames // 32 + 1, dtype=jnp.int32)
    return indices + moves.at[:, -1].set(0)


def key_instants(scores: Float[Array, "b n"], *, count: int) -> Int[Array, "b m"]:
    """Returns the `count` strongest local maxima, strongest first, int32 [b, m], each in 0..n-1.

    A maximum is no smaller than its neighbours (non-maximum suppression of radius 1); of equal
    neighbours the first counts. Where there are too few, the largest of the other values follow.

    Args:
        scores: [b, n], how strongly each instant shows the expression.
        count: m, at most n.
    """
    edge = jnp.full_like(scores[:, :1], -jnp.inf)
    before = jnp.concatenate([edge, scores[:, :-1]], axis=1)
    after = jnp.concatenate([scores[:, 1:], edge], axis=1)
    is_peak = (scores > before) & (scores >= after)
    order = jnp.lexsort((-scores, ~is_peak), axis=-1)  # stable: peaks first, then by value
    return order[:, :count].astype(jnp.int32)


def evenly_spaced_instants(*, num_clips: int, count: int) -> Int[Array, "b m"]:
    """Returns the middles of `count` equal parts of the synopsis, int32 [b, m], each in 0..15."""
    parts = jnp.arange(count, dtype=jnp.int32)
    middles = (2 * parts + 1) * SYNOPSIS_FRAMES // (2 * count)
    return jnp.broadcast_to(middles[None], (num_clips, count))


def detail_indices(
    instants: Int[Array, "b m"], *, num_frames: int, stride: int
) -> Int[Array, "b n"]:
    """Returns the frames of the detail clips, int32 [b, 4m], clip after clip.

    Frame j = 0..3 of the clip around instant t is ceil(t * (T - 1) / 15 + (j - 1.5) * stride),
    clamped to [0, T - 1].

    Args:
        instants: [b, m], synopsis frames 0..15, in the order of the clips.
        num_frames: T, frames of the grid.
        stride: frames of the grid from one frame of a clip to the next.
    """
    # In thirtieths of a frame all numbers are whole, and the ceiling is exact.
    halves = 2 * np.arange(CLIP_FRAMES) - (CLIP_FRAMES - 1)  # 2 (j - 1.5)
    centres = 2 * (num_frames - 1) * np.arange(SYNOPSIS_FRAMES)[:, None]
    positions = centres + (SYNOPSIS_FRAMES - 1) * stride * halves
    ceiling = -(-positions // (2 * (SYNOPSIS_FRAMES - 1)))
    frames = jnp.asarray(np.clip(ceiling, 0, num_frames - 1), jnp.int32)  # [16, 4], by instant
    num_clips, count = instants.shape
    return frames.take(instants, axis=0).reshape(num_clips, count * CLIP_FRAMES)


def gather_frames(
    clips: Num[Array, "b t h w c"], indices: Int[Array, "b n"]
) -> Num[Array, "b n h w c"]:
    """Returns the chosen frames of each clip in the given order, [b, n, h, w, c].

    Args:
        clips: [b, t, h, w, c].
        indices: [b, n], each in 0..t-1.
    """
    return jnp.take_along_axis(clips, indices[:, :, None, None, None], axis=1)
