"""Convolution of each channel by itself: on CPU a sum of shifted maps, where XLA's own is slow."""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from dfer_jax.ops.cpu import library


def convolve_depthwise(
    x: Float[Array, "n h w c"], kernel: Float[Array, "i j 1 c"], stride: int, *, border: int
) -> Float[Array, "n p q c"]:
    """Returns the convolution, of the type of `x`.

    Args:
        x: maps.
        kernel: of each channel.
        stride: of both axes.
        border: zeros on every side.
    """
    x = jnp.pad(x, ((0, 0), (border, border), (border, border), (0, 0)))

    def by_xla(x: Array, kernel: Array) -> Array:
        layout = ("NHWC", "HWIO", "NHWC")
        groups = {"dimension_numbers": layout, "feature_group_count": x.shape[-1]}
        return lax.conv_general_dilated(x, kernel, (stride, stride), "VALID", **groups)

    def by_shifts(x: Array, kernel: Array) -> Array:
        height, width = (x.shape[1 + i] - kernel.shape[i] + 1 for i in range(2))
        return sum(
            x[:, i : i + height : stride, j : j + width : stride] * kernel[i, j][None, None]
            for i in range(kernel.shape[0])
            for j in range(kernel.shape[1])
        )

    if library.is_left_out():
        return by_shifts(x, kernel)
    return lax.platform_dependent(x, kernel, cpu=by_shifts, default=by_xla)
