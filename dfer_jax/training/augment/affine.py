"""RandAugment's rotation, shears and shifts: bicubic, grey outside, as Pillow computes them."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int, UInt8

from dfer_jax.training.augment.colours import MOST

ROTATE, SHEAR_X, SHEAR_Y, SHIFT_X, SHIFT_Y = KINDS = range(5)
"""What `matrix` knows."""
_MAX_DEGREES, _MAX_SHEAR, _MAX_SHIFT = 30.0, 0.3, 0.45  # the last of the picture's side
_OUTSIDE = 128.0


def matrix(
    kind: Int[Array, ""], level: Float[Array, ""], sign: Float[Array, ""], *, size: int
) -> Float[Array, "2 3"]:
    """Returns what takes a place (x, y, 1) of the result to one of the source.

    Places are counted from the picture's corner, so that a pixel's centre is at a half.

    Args:
        kind: of `KINDS`.
        level: 0..10.
        sign: 1 or -1.
        size: side of the picture.
    """
    share = sign * level / MOST
    angle = jnp.deg2rad(_MAX_DEGREES * share)
    cos, sin, zero, one = jnp.cos(angle), jnp.sin(angle), jnp.zeros(()), jnp.ones(())
    shear, shift, half = _MAX_SHEAR * share, _MAX_SHIFT * size * share, size / 2
    rows = (  # in the order of KINDS
        (cos, -sin, half * (1 - cos + sin), sin, cos, half * (1 - cos - sin)),
        (one, shear, zero, zero, one, zero),
        (one, zero, zero, shear, one, zero),
        (one, zero, shift, zero, one, zero),
        (one, zero, zero, zero, one, shift),
    )
    return jnp.stack([jnp.stack(row) for row in rows])[kind].reshape(2, 3)


def warp(clip: UInt8[Array, "t s s 3"], matrix: Float[Array, "2 3"]) -> UInt8[Array, "t s s 3"]:
    """Interpolates every frame between 4x4 pixels; places outside the picture become grey.

    Deviates: cut, not rounded, to whole values, as Pillow has it.
    """
    num_frames, size = clip.shape[:2]
    centres = jnp.arange(size, dtype=jnp.float32) + 0.5
    x, y = jnp.meshgrid(centres, centres)  # [h, w]
    x, y = (row[0] * x + row[1] * y + row[2] for row in matrix)
    inside = (x >= 0) & (x < size) & (y >= 0) & (y < size)
    pixels = clip.reshape(num_frames, size * size, 3)
    total = jnp.zeros(pixels.shape, jnp.float32)
    for row, weight_y in _taps(y, size):
        for column, weight_x in _taps(x, size):
            taken = pixels.at[:, (row * size + column).reshape(-1)].get(mode="promise_in_bounds")
            total += taken.astype(jnp.float32) * (weight_x * weight_y).reshape(1, -1, 1)
    total = jnp.clip(total, 0, 255).reshape(clip.shape)
    return jnp.where(inside[None, ..., None], total, _OUTSIDE).astype(jnp.uint8)


def _taps(
    place: Float[Array, "h w"], size: int
) -> list[tuple[Int[Array, "h w"], Float[Array, "h w"]]]:
    """Returns the four neighbours of a place on one axis and their weights (a = -1)."""
    first = jnp.floor(place - 0.5)
    d = place - 0.5 - first
    weights = (
        d * (-1 + d * (2 - d)),
        1 + d * d * (d - 2),
        d * (1 + d * (1 - d)),
        d * d * (d - 1),
    )
    index = first.astype(jnp.int32) - 1
    return [(jnp.clip(index + i, 0, size - 1), weight) for i, weight in enumerate(weights)]
