"""Max-pooling over time and space, one axis after the other: their gradients do not scatter.

Of equal maxima each takes a share of the gradient, where PyTorch gives it to the first; behind a
ReLU, where maxima tie at 0, no gradient passes either way.
"""

import functools

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from dfer_jax.ops.convolution_3d import Padding, Sizes
from dfer_jax.ops.pooling import max_pool

_NONE = ((0, 0), (0, 0), (0, 0))


def max_pool_3d(
    x: Float[Array, "b t h w c"], *, window: Sizes, stride: Sizes, padding: Padding = _NONE
) -> Float[Array, "b r p q c"]:
    """Returns the maxima of windows; padding is never the maximum, incomplete windows are dropped.

    Args:
        x: maps.
        window: of time, height, width.
        stride: of the same.
        padding: places before and behind, of the same.
    """
    x = _along(x, 1, window[0], stride[0], padding[0])
    even = not (x.shape[2] % 2 or x.shape[3] % 2)
    if even and (window[1:], stride[1:], padding[1:]) == ((3, 3), (2, 2), ((1, 1), (1, 1))):
        y = max_pool(x.reshape(-1, *x.shape[2:]))
        return y.reshape(*x.shape[:2], *y.shape[1:])
    for axis in (2, 3):
        x = _along(x, axis, window[axis - 1], stride[axis - 1], padding[axis - 1])
    return x


def _along(x: Array, axis: int, window: int, stride: int, padding: tuple[int, int]) -> Array:
    """Returns the maxima of windows along one axis."""
    if window == 1 and stride == 1:
        return x
    pads = [(0, 0)] * x.ndim
    pads[axis] = padding
    x = jnp.pad(x, pads, constant_values=-jnp.inf)
    last = (x.shape[axis] - window) // stride * stride
    shifted = [
        lax.slice_in_dim(x, i, i + last + 1, stride=stride, axis=axis) for i in range(window)
    ]
    return functools.reduce(jnp.maximum, shifted)
