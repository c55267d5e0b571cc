"""Convolutions of float32 for CPUs in C++, with a border of half a kernel, and their gradients.

3x3 at stride 1 with a quarter of the multiplications (`winograd.h`), 3x3 and the 7x7 of stems at
stride 2 by direct sums (`strided.h`). 64 maps on two cores, XLA of JAX 0.10 against here, in ms:
56 x 56 x 64 159 and 29, gradient of its kernel 283 and 38; 28 x 28 x 64 38 and 7, 41 and 10;
28 x 28 x 64 to 128 channels at stride 2 21 and 9 (10 and 9 with JAX 0.12). 32 maps of 112 x 112 x
21, seven frames side by side, 7x7, one core: 152 and 122, gradient of the kernel 261 and 150.

Other numbers of channels are filled up with zeros at stride 1: 16 maps of 56 x 56, 64 to 144
channels, one core: 90 and 44, gradient of the maps 91 and 36, of the kernel 124 and 45.
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dfer_jax.ops.cpu import library

POINTS = 36  # products for each tile of 4 x 4 places
_CHANNELS = 32  # what their numbers must be multiples of
_MOST_CHANNELS = 4096
_MOST_ZEROS = 4 / 3  # numbers of a kernel with zero channels, to those without
_FEW_CHANNELS = {3: 16, 7: 24}  # by the kernel's side
_KERNEL_NUMBERS_PER_TILE = 8192  # beyond, transforming the kernel costs more than it saves


def pays(x: Float[Array, "n h w c"], kernel: Float[Array, "3 3 c d"]) -> bool:
    """Whether stride 1 is possible here, if need be with zero channels, and faster than XLA's."""
    channels = kernel.shape[2:]
    wide = [_rounded(number) for number in channels]
    with_zeros = math.prod(wide)
    if max(wide) > _MOST_CHANNELS or with_zeros > _MOST_ZEROS * math.prod(channels):
        return False
    if not library.takes(x, kernel):  # first: a batch of any size can be compared with nothing
        return False
    return are_many(x, with_zeros)


def are_many(x: Float[Array, "n h w c"], kernel_numbers: int) -> bool:
    """Whether so many maps save more multiplications than transforming the kernel costs.

    One to eight maps of 4 x 4 or 5 x 5, 512 channels, one core: transformed 24 to 28 ms, by XLA 1
    to 8; gradients 47 to 57 and 12 to 31.
    """
    n, height, width, _ = x.shape
    if not isinstance(n, int):
        return True  # a batch of any size, of an exported program
    tiles = n * -(-height // 4) * -(-width // 4)
    return kernel_numbers <= _KERNEL_NUMBERS_PER_TILE * tiles


def possible(x: Float[Array, "n h w c"], kernel: Float[Array, "i i c d"]) -> bool:
    """Whether all functions of stride 2 can be used here; they are faster then."""
    return kernel.shape[0] == 3 and _fits(kernel.shape[2]) and forward_possible(x, kernel)


def forward_possible(x: Float[Array, "n h w c"], kernel: Float[Array, "i i c d"]) -> bool:
    """Whether `strided_convolve` can be used here: for maps of any channels, three of an image."""
    known = kernel.shape[:2] in ((3, 3), (7, 7))
    return known and _fits(kernel.shape[3]) and library.takes(x, kernel)


def strided_kernel_gradient_possible(
    x: Float[Array, "n h w c"], kernel: Float[Array, "i i c d"]
) -> bool:
    """Whether `strided_kernel_gradient` can be used here: also for few channels of maps."""
    if possible(x, kernel):
        return True
    return forward_possible(x, kernel) and x.shape[3] <= _FEW_CHANNELS[kernel.shape[0]]


def _rounded(channels: int) -> int:
    return -(-channels // _CHANNELS) * _CHANNELS


def _widened(x: Float[Array, "*n"], *axes: int) -> Float[Array, "*m"]:
    """Returns `x` with zeros behind it along these axes, whose sizes then are what is possible."""
    pads = [(0, _rounded(x.shape[k]) - x.shape[k] if k in axes else 0) for k in range(x.ndim)]
    return jnp.pad(x, pads) if any(after for _, after in pads) else x


def _fits(channels: int) -> bool:
    return channels % _CHANNELS == 0 and channels <= _MOST_CHANNELS


def convolve(
    x: Float[Array, "n h w c"],
    kernel: Float[Array, "3 3 c d"],
    *norm: Float[Array, " d"],
    relu: bool = False,
) -> Float[Array, "n h w d"]:
    """Returns the convolution at stride 1; only where `pays` says so.

    With `norm` = mean, factor, bias it is normalised by them, `batch_norm.normalise`, on its way.
    """
    features = kernel.shape[3]
    x, kernel, norm = _widened(x, 3), _widened(kernel, 2, 3), tuple(_widened(n, 0) for n in norm)
    c, d = kernel.shape[2:]
    shape, scratch = (*x.shape[:3], d), POINTS * c * d
    y = _call_normalising("dfer_convolve", shape, scratch, x, kernel, norm, relu)
    return y[..., :features]


def kernel_gradient(
    x: Float[Array, "n h w c"], dy: Float[Array, "n h w d"]
) -> Float[Array, "3 3 c d"]:
    """Returns the gradient of the kernel at stride 1, given that of the convolution."""
    channels, features = x.shape[3], dy.shape[3]
    x, dy = _widened(x, 3), _widened(dy, 3)
    c, d = x.shape[3], dy.shape[3]
    gradient = _call("dfer_kernel_gradient", (3, 3, c, d), POINTS * c * d, x, dy)
    return gradient[:, :, :channels, :features]


def strided_convolve(
    x: Float[Array, "n h w c"],
    kernel: Float[Array, "i i c d"],
    *norm: Float[Array, " d"],
    relu: bool = False,
) -> Float[Array, "n r q d"]:
    """Returns the same at stride 2; only where `forward_possible` says so."""
    n, height, width, _ = x.shape
    shape = (n, -(-height // 2), -(-width // 2), kernel.shape[3])
    return _call_normalising("dfer_strided_convolve", shape, kernel.size, x, kernel, norm, relu)


def strided_maps_gradient(
    x: Float[Array, "n h w c"], kernel: Float[Array, "3 3 c d"], dy: Float[Array, "n r q d"]
) -> Float[Array, "n h w c"]:
    """Returns the gradient of the maps at stride 2, given that of the convolution."""
    turned = kernel.swapaxes(2, 3)
    return _call("dfer_strided_maps_gradient", x.shape, kernel.size, dy, turned)


def strided_kernel_gradient(
    x: Float[Array, "n h w c"], dy: Float[Array, "n r q d"], *, side: int = 3
) -> Float[Array, "i i c d"]:
    """Returns the gradient of the kernel; only where `strided_kernel_gradient_possible` says so."""
    return _call("dfer_strided_kernel_gradient", (side, side, x.shape[3], dy.shape[3]), 0, x, dy)


def _call_normalising(
    name: str,
    shape: tuple[int, ...],
    scratch: int,
    x: Array,
    kernel: Array,
    norm: tuple[Array, ...],
    relu: bool,
) -> Array:
    if norm:
        return _call(f"{name}_normalised", shape, scratch, x, kernel, *norm, relu=relu)
    return _call(name, shape, scratch, x, kernel)


def _call(
    name: str, shape: tuple[int, ...], scratch: int, *inputs: Array, **attributes: bool
) -> Array:
    """Returns what the function of that name computes, with so many numbers to work with."""
    sizes = [shape, (scratch,)] if scratch else [shape]
    results = [jax.ShapeDtypeStruct(size, jnp.float32) for size in sizes]
    return jax.ffi.ffi_call(name, results, vmap_method="sequential")(*inputs, **attributes)[0]
