"""3D convolution as XLA runs it, but on CPU as a 2D one of neighbouring frames side by side.

A k x 3 x 3 convolution is a sum of k shifted 2D ones. With the channels of the k frames beside each
other the sum is a single 2D convolution, for which `convolution.py` has what is fast on a CPU; XLA
has nothing of the kind for 3D. Frames of nothing but padding are left out.
"""

import functools
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from dfer_jax.ops.batch_norm import Norm, normalise
from dfer_jax.ops.conv_norm import convolve_and_normalise
from dfer_jax.ops.convolution import convolve
from dfer_jax.ops.cpu import library
from dfer_jax.ops.matrix_product import matrix_product

Sizes = tuple[int, int, int]
"""Of time, height, width."""
Padding = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
"""Zeros before and behind, of time, height, width."""


def border(kernel: Sizes) -> Padding:
    """Returns the padding of half a kernel on every side."""
    return tuple((size // 2, size // 2) for size in kernel)


def same_padding(sizes: Sizes, kernel: Sizes, stride: Sizes) -> Padding:
    """Returns the padding that makes ceil(size / stride) places, the larger half behind."""
    return tuple(lax.padtype_to_pads(sizes, kernel, stride, "SAME"))


def convolve_3d(
    x: Float[Array, "b t h w c"],
    kernel: Float[Array, "n i j c d"],
    *,
    stride: Sizes,
    padding: Padding,
) -> Float[Array, "b r p q d"]:
    """Returns the convolution, of the type of `x`; strides of height and width are the same."""
    options = {"stride": stride, "padding": padding}
    if kernel.shape[0] == 1:
        return _by_frames(x, kernel, **options)
    return _choose(partial(_by_frames, **options), partial(_by_xla, **options))(x, kernel)


def convolve_and_normalise_3d(
    x: Float[Array, "b t h w c"],
    kernel: Float[Array, "n i j c d"],
    norm: Norm,
    *,
    stride: Sizes,
    padding: Padding,
    relu: bool,
) -> Float[Array, "b r p q d"]:
    """Does both with given statistics."""
    options = {"stride": stride, "padding": padding}

    def by_frames(x: Array, kernel: Array, norm: Norm) -> Array:
        if not _has_border(kernel, padding) or _is_in_time_alone(kernel, *options.values()):
            return after(partial(_by_frames, **options), x, kernel, norm)
        maps, flat = _side_by_side(x, kernel, stride=stride[0], padding=padding[0])
        y = convolve_and_normalise(_fold(maps), flat, norm, stride[1], relu)
        return _unfold(y, maps)

    def after(run: Callable, x: Array, kernel: Array, norm: Norm) -> Array:
        y = run(x, kernel).astype(jnp.float32)
        return normalise(y, norm, relu).astype(x.dtype)

    if kernel.shape[0] == 1:
        return by_frames(x, kernel, norm)
    return _choose(by_frames, partial(after, partial(_by_xla, **options)))(x, kernel, norm)


def _choose(on_cpu: Callable, elsewhere: Callable) -> Callable:
    """Returns a function that is one of two by the platform, its gradients too."""

    @jax.custom_vjp
    def run(*inputs: Array | Norm) -> Array:
        if library.is_left_out():
            return (on_cpu if library.is_in_planes() else elsewhere)(*inputs)
        return lax.platform_dependent(*inputs, cpu=on_cpu, default=elsewhere)

    def forward(*inputs: Array | Norm) -> tuple[Array, tuple]:
        return run(*inputs), inputs

    def pull(function: Callable) -> Callable:
        return lambda dy, *inputs: jax.vjp(function, *inputs)[1](dy)

    def backward(inputs: tuple, dy: Array) -> tuple:
        return lax.platform_dependent(dy, *inputs, cpu=pull(on_cpu), default=pull(elsewhere))

    run.defvjp(forward, backward)
    return run


def _by_xla(x: Array, kernel: Array, *, stride: Sizes, padding: Padding) -> Array:
    layout = ("NDHWC", "DHWIO", "NDHWC")
    return lax.conv_general_dilated(x, kernel, stride, padding, dimension_numbers=layout)


def _by_frames(x: Array, kernel: Array, *, stride: Sizes, padding: Padding) -> Array:
    if _is_in_time_alone(kernel, stride, padding):
        return _shifted_products(x, kernel[:, 0, 0], padding[0])
    maps, flat = _side_by_side(x, kernel, stride=stride[0], padding=padding[0])
    if _has_border(kernel, padding):
        return _unfold(convolve(_fold(maps), flat, stride[1]), maps)
    y = lax.conv_general_dilated(
        _fold(maps), flat, stride[1:], padding[1:], dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    return _unfold(y, maps)


def _is_in_time_alone(kernel: Array, stride: Sizes, padding: Padding) -> bool:
    """Whether each place has only its own past and future, and fewer channels come than go."""
    n, i, j, c, d = kernel.shape
    alone = i == j == stride[0] == stride[1] == 1 and not any(padding[1] + padding[2])
    return n > 1 and alone and d <= c


def _shifted_products(
    x: Float[Array, "b t h w c"], kernel: Float[Array, "n c d"], padding: tuple[int, int]
) -> Float[Array, "b r h w d"]:
    """Returns the sum over the kernel's places in time of products, shifted after multiplying.

    Shifting `x` before would copy it n times, of more channels. 16 maps of 56 x 56, 144 to 64
    channels, n = 3, one core: 43 ms against 59, its gradients 73 against 132.
    """
    n, _, d = kernel.shape
    products = matrix_product(x, jnp.concatenate(list(kernel), axis=-1))
    products = jnp.pad(products, ((0, 0), padding, (0, 0), (0, 0), (0, 0)))
    length = products.shape[1] - n + 1
    shifted = [products[:, i : i + length, ..., i * d : (i + 1) * d] for i in range(n)]
    return functools.reduce(jnp.add, shifted)


def _has_border(kernel: Array, padding: Padding) -> bool:
    """Whether the padding of height and width is that of `convolve`."""
    return tuple(padding[1:]) == tuple((size // 2,) * 2 for size in kernel.shape[1:3])


def _side_by_side(
    x: Float[Array, "b t h w c"],
    kernel: Float[Array, "n i j c d"],
    *,
    stride: int,
    padding: tuple[int, int],
) -> tuple[Float[Array, "b r h w m"], Float[Array, "i j m d"]]:
    """Returns for each frame of the result its frames of `x` beside each other, and their kernel.

    m = c times the number of places of the kernel in time that ever meet a frame.
    """
    num_frames, size, before = x.shape[1], kernel.shape[0], padding[0]
    length = (num_frames + sum(padding) - size) // stride + 1
    last = stride * (length - 1)
    met = [i for i in range(size) if i - before < num_frames and i - before + last >= 0]
    padded = jnp.pad(x, ((0, 0), padding, (0, 0), (0, 0), (0, 0)))
    shifted = [padded[:, i : i + last + 1 : stride] for i in met]
    flat = jnp.concatenate([kernel[i] for i in met], axis=2)
    return jnp.concatenate(shifted, axis=-1), flat


def _fold(x: Float[Array, "b t h w c"]) -> Float[Array, "n h w c"]:
    return x.reshape(-1, *x.shape[2:])


def _unfold(
    y: Float[Array, "n h w c"], maps: Float[Array, "b t _ _ _"]
) -> Float[Array, "b t h w c"]:
    return y.reshape(*maps.shape[:2], *y.shape[1:])
