"""3x3 convolution at stride 1 for CPUs, and the gradient of its kernel, in C++ (`winograd.h`).

Two cores, 64 maps, JAX 0.10 with and without: MEASURED
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dfer_jax.models.native import library

_POINTS = 36  # products for each tile of 4 x 4 places
_MOST_CHANNELS = 4096
_CHANNELS = 32  # what their numbers must be multiples of
_KERNEL_NUMBERS_PER_TILE = 8192  # beyond, transforming the kernel costs more than it saves


def pays(x: Float[Array, "n h w c"], kernel: Float[Array, "3 3 c d"]) -> bool:
    """Whether this is possible here, and faster than XLA's own."""
    n, height, width, channels = x.shape
    features = kernel.shape[3]
    tiles = n * -(-height // 4) * -(-width // 4)
    return (
        x.dtype == kernel.dtype == jnp.float32
        and channels % _CHANNELS == 0
        and features % _CHANNELS == 0
        and max(channels, features) <= _MOST_CHANNELS
        and channels * features <= _KERNEL_NUMBERS_PER_TILE * tiles
        and jax.default_backend() == "cpu"
        and library.available()
    )


def convolve(
    x: Float[Array, "n h w c"], kernel: Float[Array, "3 3 c d"]
) -> Float[Array, "n h w d"]:
    """Returns the convolution with a border of one zero; only where `pays` says so."""
    y = jax.ShapeDtypeStruct((*x.shape[:3], kernel.shape[3]), jnp.float32)
    return _call("dfer_convolve", y, kernel.shape[2:], x, kernel)


def kernel_gradient(
    x: Float[Array, "n h w c"], dy: Float[Array, "n h w d"]
) -> Float[Array, "3 3 c d"]:
    """Returns the gradient of the kernel, given that of the convolution."""
    channels = (x.shape[3], dy.shape[3])
    dk = jax.ShapeDtypeStruct((3, 3, *channels), jnp.float32)
    return _call("dfer_kernel_gradient", dk, channels, x, dy)


def _call(name: str, result: jax.ShapeDtypeStruct, channels: tuple[int, int], *inputs: Array):
    scratch = jax.ShapeDtypeStruct((_POINTS * channels[0] * channels[1],), jnp.float32)
    return jax.ffi.ffi_call(name, (result, scratch), vmap_method="sequential")(*inputs)[0]
