"""Convolution as XLA runs it, except where its CPU backend is slow; the sums are the same.

- 1x1: one matrix product. XLA's own (JAX 0.10 and 0.12, shapes of ResNet-50, 16 pictures, two
  cores) takes 0.8 to 2.5 times as long forward and 1.5 to 6.9 times with its gradients.
- 3x3 on maps of up to 3x3 places: one matrix product with the nine shifted maps side by side. XLA
  has no fast kernel for maps so small (training at width 16 with 8 frames of 48x48, whose smallest
  maps are 2x2 and 3x3, on one core: 98 clips/s before, 128 after).
- 3x3, float32, 32 channels or a multiple, on CPU: C++ (`cpu/`), where a compiler is at hand; at
  stride 1 with a quarter of the multiplications. Where none is, stride 1 and 64 channels or more:
  half of the multiplications (`winograd.py`), forward and for the gradient of the maps.
- The weight gradient of 3x3 with maps of 2,048 places or more, where no compiler is: a matrix
  product per frame. XLA turns it into one convolution whose kernel is a whole map (the second stem
  convolution of the published network, 64 frames of 56x56x64: 390-660 ms against 130-180 ms here).

`conv_norm.py` uses them all.
"""

import math
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from dfer_jax.ops import winograd
from dfer_jax.ops.cpu import convolution as native
from dfer_jax.ops.cpu import library
from dfer_jax.ops.matrix_product import matrix_product

_SMALL_SIDE = 3
_LARGE_PLACES = 2048
_WINOGRAD_CHANNELS = 64  # with 32 the demo compiled longer, its step was no faster


def convolve(
    x: Float[Array, "n h w c"], kernel: Float[Array, "i i c d"], stride: int
) -> Float[Array, "n r q d"]:
    """Returns the convolution with a border of i // 2 zeros on every side, of the type of `x`.

    The border is explicit because `SAME` pads even maps by (0, 1) at stride 2, PyTorch by (1, 1).
    """
    if kernel.shape[:2] == (1, 1):
        return matrix_product(x[:, ::stride, ::stride], kernel[0, 0])
    three = _is_three(kernel)
    if three and _is_small(x, stride):
        return _as_matrix_product(x, kernel, stride)
    if (three and _is_large(x, stride)) or _for_cpu(x, kernel, stride):
        return _convolve(x, kernel, stride)
    return _by_xla(x, kernel, stride)


def in_cpp(
    x: Float[Array, "n h w c"], kernel: Float[Array, "i i c d"], stride: int
) -> Callable | None:
    """Returns the C++ that `convolve` uses here on CPU, or None."""
    three = _is_three(kernel)
    if three and _is_small(x, stride):
        return None
    if three and stride == 1 and native.pays(x, kernel):
        return native.convolve
    if stride == 2 and native.forward_possible(x, kernel):
        return native.strided_convolve
    return None


def _is_three(kernel: Float[Array, "i i c d"]) -> bool:
    return kernel.shape[:2] == (3, 3)


def _is_small(x: Float[Array, "n h w c"], stride: int) -> bool:
    return max(-(-x.shape[1] // stride), -(-x.shape[2] // stride)) <= _SMALL_SIDE


def _is_large(x: Float[Array, "n h w c"], stride: int) -> bool:
    return x.shape[1] * x.shape[2] // stride**2 >= _LARGE_PLACES


def _for_cpu(
    x: Float[Array, "n h w c"], kernel: Float[Array, "i i c d"], stride: int
) -> Callable | None:
    """Returns what convolves faster there, or None."""
    if compiled := in_cpp(x, kernel, stride):
        return compiled
    if not _is_three(kernel) or x.dtype != jnp.float32:
        return None
    if not native.are_many(x, math.prod(kernel.shape[2:])):
        return None
    channels = kernel.shape[2:]
    fits = x.shape[1] * x.shape[2] * max(channels) <= winograd.MOST_AT_ONCE
    wide = min(channels) >= _WINOGRAD_CHANNELS
    if stride == 1 and fits and wide:
        return winograd.convolve
    return None


def _on_cpu(run: Callable | None, otherwise: Callable, *inputs: Array) -> Array:
    """Returns what `run` makes of the inputs on CPU if it is given, `otherwise` elsewhere."""
    if run is None or library.is_left_out():
        return otherwise(*inputs)
    return lax.platform_dependent(*inputs, cpu=run, default=otherwise)


def _by_xla(
    x: Float[Array, "n h w c"], kernel: Float[Array, "i i c d"], stride: int
) -> Float[Array, "n r q d"]:
    return lax.conv_general_dilated(
        x,
        kernel,
        (stride, stride),
        ((kernel.shape[0] // 2,) * 2,) * 2,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def _neighbourhoods(x: Float[Array, "n h w c"], stride: int) -> Float[Array, "n r q m"]:
    """Returns for each place of the output its nine inputs side by side, m = 9c; zeros outside."""
    height, width = x.shape[1:3]
    padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    shifts = [
        padded[:, i : i + height : stride, j : j + width : stride]
        for i in range(3)
        for j in range(3)
    ]
    return jnp.concatenate(shifts, axis=-1)


def _as_matrix_product(
    x: Float[Array, "n h w c"], kernel: Float[Array, "3 3 c d"], stride: int
) -> Float[Array, "n r q d"]:
    flat = kernel.reshape(-1, kernel.shape[-1])  # [9c, d]
    return jnp.einsum("nrqc,cd->nrqd", _neighbourhoods(x, stride), flat)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _convolve(
    x: Float[Array, "n h w c"], kernel: Float[Array, "i i c d"], stride: int
) -> Float[Array, "n r q d"]:
    return _on_cpu(_for_cpu(x, kernel, stride), partial(_by_xla, stride=stride), x, kernel)


def _forward(x: Array, kernel: Array, stride: int) -> tuple[Array, tuple[Array, Array]]:
    return _convolve(x, kernel, stride), (x, kernel)


def _backward(stride: int, saved: tuple[Array, Array], dy: Array) -> tuple[Array, Array]:
    return _maps_gradient(stride, *saved, dy), _weight_gradient(stride, *saved, dy)


_convolve.defvjp(_forward, _backward)


def _maps_gradient(stride: int, x: Array, kernel: Array, dy: Array) -> Float[Array, "n h w c"]:
    def by_xla(kernel: Array, dy: Array) -> Array:
        return jax.vjp(lambda x: _by_xla(x, kernel, stride), x)[1](dy)[0]

    def turned(kernel: Array, dy: Array) -> Array:
        return _for_cpu(x, kernel, stride)(dy, kernel[::-1, ::-1].swapaxes(2, 3))

    def strided(kernel: Array, dy: Array) -> Array:
        return native.strided_maps_gradient(x, kernel, dy)

    faster = None
    if stride == 1 and _for_cpu(x, kernel, stride):
        faster = turned
    elif stride == 2 and native.possible(x, kernel):
        faster = strided
    return _on_cpu(faster, by_xla, kernel, dy)


def _weight_gradient(stride: int, x: Array, kernel: Array, dy: Array) -> Float[Array, "i i c d"]:
    def by_xla(x: Array, dy: Array) -> Array:
        return jax.vjp(lambda kernel: _by_xla(x, kernel, stride), kernel)[1](dy)[0]

    faster = None
    if stride == 1 and native.pays(x, kernel):
        faster = native.kernel_gradient
    elif stride == 2 and native.strided_kernel_gradient_possible(x, kernel):
        faster = partial(native.strided_kernel_gradient, side=kernel.shape[0])
    elif _is_three(kernel) and _is_large(x, stride):
        by_frames = _separated_gradient if stride == 1 else _neighbourhood_gradient
        faster = partial(_sum_over_frames, by_frames)
    return _on_cpu(faster, by_xla, x, dy)


def _sum_over_frames(of_frame: Callable, x: Array, dy: Array) -> Float[Array, "3 3 c d"]:
    """Adds up the frames' weight gradients one by one, each while its maps are in the cache."""

    def add(total: Array, frame: tuple[Array, Array]) -> tuple[Array, None]:
        return total + of_frame(*frame), None

    zeros = jnp.zeros((3, 3, x.shape[-1], dy.shape[-1]), jnp.float32)
    return lax.scan(add, zeros, (x, dy))[0].astype(x.dtype)


def _separated_gradient(
    x: Float[Array, "h w c"], dy: Float[Array, "h w d"]
) -> Float[Array, "3 3 c d"]:
    """One frame, stride 1: shifts along rows go to `dy`, along columns to `x`: 3 + 3 copies, not 9.

    dk[i, j] = sum over r, q of x[r + i - 1, q + j - 1] dy[r, q]; with R = r + i and the padded x
    this is the sum over R, q of x[R, q + j] dy[R - i, q].
    """
    width, channels = x.shape[1:]
    padded = jnp.pad(x, ((1, 1), (1, 1), (0, 0)))
    shifted_x = jnp.concatenate([padded[:, j : j + width] for j in range(3)], axis=-1)
    shifted_dy = jnp.concatenate(
        [jnp.pad(dy, ((i, 2 - i), (0, 0), (0, 0))) for i in range(3)], axis=-1
    )
    dk = jnp.einsum("hwc,hwd->cd", shifted_x, shifted_dy, preferred_element_type=jnp.float32)
    return dk.reshape(3, channels, 3, -1).transpose(2, 0, 1, 3)  # [j, c, i, d] -> [i, j, c, d]


def _neighbourhood_gradient(
    x: Float[Array, "h w c"], dy: Float[Array, "r q d"]
) -> Float[Array, "3 3 c d"]:
    """One frame at stride 2: the product of the nine inputs of each place with its gradient."""
    near = _neighbourhoods(x[None], 2)[0]
    dk = jnp.einsum("rqc,rqd->cd", near, dy, preferred_element_type=jnp.float32)
    return dk.reshape(3, 3, x.shape[-1], -1)
