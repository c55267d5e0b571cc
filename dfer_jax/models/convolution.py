"""3x3 convolution as XLA runs it, except where its CPU backend is slow; the sums are the same.

- Maps of up to 3x3 places: one matrix product with the nine shifted maps side by side. XLA's CPU
  backend has no fast kernel for maps so small (training at width 16 with 8 frames of 48x48, whose
  smallest maps are 2x2 and 3x3, on one core: 98 clips/s before, 128 after).
- Stride 1, float32, 64 channels or more, on CPU: half the multiplications (`winograd.py`), forward
  and for the gradient of the maps.
- The weight gradient of maps of 2,048 places or more, on CPU: a matrix product per frame. XLA turns
  it into one convolution whose kernel is a whole map (the second stem convolution of the published
  network, 64 frames of 56x56x64 on two cores: 390-660 ms against 130-180 ms here).

All are used by `layers.conv` through the hook that Flax's Conv has for this.
"""

from collections.abc import Callable, Sequence
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from dfer_jax.models import winograd

_SMALL_SIDE = 3
_LARGE_PLACES = 2048
_WINOGRAD_CHANNELS = 64  # with 32 the demo compiled longer, its step was no faster


def convolve(
    x: Float[Array, "n h w c"],
    kernel: Float[Array, "i j c d"],
    strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    **options: object,
) -> Float[Array, "n r q d"]:
    """Returns the convolution; the arguments are those of `jax.lax.conv_general_dilated`."""
    stride = strides[0]
    if kernel.shape[:2] == (3, 3):
        side = max(-(-x.shape[1] // stride), -(-x.shape[2] // stride))
        if side <= _SMALL_SIDE:
            return _as_matrix_product(x, kernel, stride)
        if _is_large(x, stride) or _winograd_pays(x, kernel, stride):
            return _convolve(x, kernel, stride)
    return lax.conv_general_dilated(x, kernel, strides, padding, **options)


def _is_large(x: Float[Array, "n h w c"], stride: int) -> bool:
    return x.shape[1] * x.shape[2] // stride**2 >= _LARGE_PLACES


def _winograd_pays(
    x: Float[Array, "n h w c"], kernel: Float[Array, "3 3 c d"], stride: int
) -> bool:
    """Whether it does, forward and for the gradient of the maps."""
    channels = kernel.shape[2:]
    fits = x.shape[1] * x.shape[2] * max(channels) <= winograd.MOST_AT_ONCE
    wide = min(channels) >= _WINOGRAD_CHANNELS
    return stride == 1 and x.dtype == jnp.float32 and fits and wide


def _native(
    x: Float[Array, "n h w c"], kernel: Float[Array, "3 3 c d"], stride: int
) -> Float[Array, "n r q d"]:
    return lax.conv_general_dilated(
        x,
        kernel,
        (stride, stride),
        ((1, 1), (1, 1)),
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
    x: Float[Array, "n h w c"], kernel: Float[Array, "3 3 c d"], stride: int
) -> Float[Array, "n r q d"]:
    if not _winograd_pays(x, kernel, stride):
        return _native(x, kernel, stride)
    native = partial(_native, stride=stride)
    return lax.platform_dependent(x, kernel, cpu=winograd.convolve, default=native)


def _forward(x: Array, kernel: Array, stride: int) -> tuple[Array, tuple[Array, Array]]:
    return _convolve(x, kernel, stride), (x, kernel)


def _backward(stride: int, saved: tuple[Array, Array], dy: Array) -> tuple[Array, Array]:
    return _maps_gradient(stride, *saved, dy), _weight_gradient(stride, *saved, dy)


_convolve.defvjp(_forward, _backward)


def _maps_gradient(stride: int, x: Array, kernel: Array, dy: Array) -> Float[Array, "n h w c"]:
    def native(kernel: Array, dy: Array) -> Array:
        return jax.vjp(lambda x: _native(x, kernel, stride), x)[1](dy)[0]

    def by_winograd(kernel: Array, dy: Array) -> Array:
        return winograd.convolve(dy, kernel[::-1, ::-1].swapaxes(2, 3))

    if not _winograd_pays(x, kernel, stride):
        return native(kernel, dy)
    return lax.platform_dependent(kernel, dy, cpu=by_winograd, default=native)


def _weight_gradient(stride: int, x: Array, kernel: Array, dy: Array) -> Float[Array, "3 3 c d"]:
    def native(x: Array, dy: Array) -> Array:
        return jax.vjp(lambda kernel: _native(x, kernel, stride), kernel)[1](dy)[0]

    if not _is_large(x, stride):
        return native(x, dy)
    by_frames = _separated_gradient if stride == 1 else _neighbourhood_gradient
    return lax.platform_dependent(x, dy, cpu=partial(_sum_over_frames, by_frames), default=native)


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
