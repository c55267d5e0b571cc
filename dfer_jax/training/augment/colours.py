"""RandAugment's operations on colours: as Pillow computes them, to a level in 255 (tested).

Every operation is a function of a clip, a level in 0..10 and a sign that is 1 or -1; with a level
of 0 the enhancements leave a clip as it is. Histograms and means are those of each frame.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, UInt8

Clip = UInt8[Array, "t h w 3"]
Level = Float[Array, ""]
Operation = Callable[[Clip, Level, Level], Clip]

MOST = 10.0
"""The largest level."""
_GREY = (19595, 38470, 7471)  # of 65,536: ITU-R 601's luma
_SOLARIZE_ADD_BELOW = 128


def auto_contrast(clip: Clip, level: Level, sign: Level) -> Clip:
    """Stretches each channel of a frame to 0..255."""
    del level, sign
    values = clip.astype(jnp.int32)
    darkest, brightest = (f(values, (1, 2), keepdims=True) for f in (jnp.min, jnp.max))
    stretched = (values - darkest) * 255 // jnp.maximum(brightest - darkest, 1)
    return jnp.where(brightest > darkest, stretched, values).astype(jnp.uint8)


def equalize(clip: Clip, level: Level, sign: Level) -> Clip:
    """Makes the values of each channel of a frame equally frequent."""
    del level, sign
    flat = clip.transpose(0, 3, 1, 2).reshape(-1, clip.shape[1] * clip.shape[2])
    tables = jax.vmap(_equalizing_table)(flat)
    found = jnp.take_along_axis(tables, flat.astype(jnp.int32), axis=1)
    return found.reshape(clip.shape[0], 3, *clip.shape[1:3]).transpose(0, 2, 3, 1)


def invert(clip: Clip, level: Level, sign: Level) -> Clip:
    """Returns the negative."""
    del level, sign
    return 255 - clip


def posterize(clip: Clip, level: Level, sign: Level) -> Clip:
    """Keeps the upper 4 to 0 bits."""
    del sign
    dropped = 4 + jnp.floor(level / MOST * 4).astype(jnp.int32)
    return (clip.astype(jnp.int32) >> dropped << dropped).astype(jnp.uint8)


def solarize(clip: Clip, level: Level, sign: Level) -> Clip:
    """Inverts what is above a threshold, 256 at level 0 and 0 at the highest."""
    del sign
    threshold = 256 - jnp.floor(level / MOST * 256).astype(jnp.int32)
    return jnp.where(clip.astype(jnp.int32) < threshold, clip, 255 - clip)


def solarize_add(clip: Clip, level: Level, sign: Level) -> Clip:
    """Adds up to 110 to the darker half of the values."""
    del sign
    more = jnp.floor(level / MOST * 110).astype(jnp.int32)
    added = jnp.minimum(clip.astype(jnp.int32) + more, 255).astype(jnp.uint8)
    return jnp.where(clip < _SOLARIZE_ADD_BELOW, added, clip)


def colour(clip: Clip, level: Level, sign: Level) -> Clip:
    """Moves away from, or towards, the grey picture."""
    return _blend(_grey(clip)[..., None], clip, level, sign)


def contrast(clip: Clip, level: Level, sign: Level) -> Clip:
    """Moves away from, or towards, the mean grey of each frame."""
    mean = jnp.floor(_grey(clip).astype(jnp.float32).mean((1, 2)) + 0.5)
    return _blend(mean[:, None, None, None], clip, level, sign)


def brightness(clip: Clip, level: Level, sign: Level) -> Clip:
    """Moves away from, or towards, black."""
    return _blend(jnp.zeros((), jnp.int32), clip, level, sign)


def sharpness(clip: Clip, level: Level, sign: Level) -> Clip:
    """Moves away from, or towards, the picture smoothed by a 3x3 kernel; its border stays."""
    x = clip.astype(jnp.int32)
    rows = x[:, :-2] + x[:, 1:-1] + x[:, 2:]
    sums = rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:] + 4 * x[:, 1:-1, 1:-1]
    return _blend(x.at[:, 1:-1, 1:-1].set((2 * sums + 13) // 26), clip, level, sign)


OPERATIONS: tuple[Operation, ...] = (
    auto_contrast,
    equalize,
    invert,
    posterize,
    solarize,
    solarize_add,
    colour,
    contrast,
    brightness,
    sharpness,
)
"""All of them."""


def _equalizing_table(values: UInt8[Array, " n"]) -> UInt8[Array, " 256"]:
    """Returns what each value becomes; what has one value alone, or too few, stays."""
    counts = jnp.zeros(256, jnp.int32).at[values].add(1)
    step = (values.size - counts[values.max()]) // 255
    below = jnp.cumsum(counts) - counts
    table = jnp.minimum((step // 2 + below) // jnp.maximum(step, 1), 255)
    return jnp.where(step > 0, table, jnp.arange(256, dtype=jnp.int32)).astype(jnp.uint8)


def _grey(clip: Clip) -> Int[Array, "t h w"]:
    return (clip.astype(jnp.int32) @ jnp.asarray(_GREY, jnp.int32) + 0x8000) >> 16


def _blend(other: Array, clip: Clip, level: Level, sign: Level) -> Clip:
    """Returns other + (1 +- 0.9 level / 10) (clip - other), cut at 0 and 255, not rounded."""
    factor = 1 + sign * level / MOST * 0.9
    other = other.astype(jnp.float32)
    moved = other + factor * (clip.astype(jnp.float32) - other)
    return jnp.clip(moved, 0, 255).astype(jnp.uint8)
