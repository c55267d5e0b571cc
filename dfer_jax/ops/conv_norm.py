"""A convolution, the BatchNorm after it, and perhaps a ReLU: what the networks here are made of."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from dfer_jax.ops.batch_norm import BatchNorm, Norm, normalise
from dfer_jax.ops.convolution import convolve, in_cpp

kaiming_fan_out = nn.initializers.variance_scaling(2.0, "fan_out", "normal")
"""Normal with std = sqrt(2 / (output channels * kernel area)), not truncated."""


def conv_norm(
    x: Float[Array, "n h w c"],
    features: int,
    *,
    train: bool,
    dtype: DTypeLike,
    axis_name: str | None,
    name: str,
    kernel: int = 3,
    stride: int = 1,
    relu: bool = False,
) -> Float[Array, "n i j d"]:
    """Convolves, without bias and with a border of `kernel // 2` zeros, then normalises.

    To be called in a module's compact method.

    Args:
        x: maps.
        features: channels d of the result.
        train: whether to use, and record, the statistics of this batch.
        dtype: type of convolution and result; statistics and normalisation are float32.
        axis_name: device axis over which statistics are averaged; None on one device.
        name: of the convolution in the parameter tree, as "stem_conv1"; the BatchNorm has "bn" in
            place of "conv".
        kernel: side of the kernel.
        stride: in both directions.
        relu: whether a ReLU follows.
    """
    shape = (kernel, kernel, x.shape[-1], features)
    weights, norm = declare(shape, dtype=dtype, axis_name=axis_name, name=name)
    if train:
        y = convolve(x.astype(dtype), weights, stride).astype(jnp.float32)
        return normalise(y, norm(y), relu).astype(dtype)
    return convolve_and_normalise(x.astype(dtype), weights, norm(None), stride, relu)


def declare(
    shape: tuple[int, int, int, int], *, dtype: DTypeLike, axis_name: str | None, name: str
) -> tuple[Float[Array, "i j c d"], BatchNorm]:
    """Returns the kernel and the BatchNorm that belong to these names; see `conv_norm`."""
    norm = BatchNorm(shape[-1], axis_name=axis_name, name=name.replace("conv", "bn"))
    return _Kernel(shape, name=name)().astype(dtype), norm


class _Kernel(nn.Module):
    """The weights of a convolution, initialised as in the ResNet recipe."""

    shape: tuple[int, int, int, int]

    @nn.compact
    def __call__(self) -> Float[Array, "i j c d"]:
        return self.param("kernel", kaiming_fan_out, self.shape, jnp.float32)


@partial(jax.custom_vjp, nondiff_argnums=(3, 4))
def convolve_and_normalise(
    x: Float[Array, "n h w c"], kernel: Float[Array, "i i c d"], norm: Norm, stride: int, relu: bool
) -> Float[Array, "n r q d"]:
    """Does both with given statistics, in one writing of the maps where that is possible."""
    one_by_one = partial(_one_by_one, stride=stride, relu=relu)
    compiled = in_cpp(x, kernel, stride)
    if compiled is None:
        return one_by_one(x, kernel, norm)

    def at_once(x: Array, kernel: Array, norm: Norm) -> Array:
        return compiled(x, kernel, *norm, relu=relu)

    return lax.platform_dependent(x, kernel, norm, cpu=at_once, default=one_by_one)


def _one_by_one(x: Array, kernel: Array, norm: Norm, *, stride: int, relu: bool) -> Array:
    y = convolve(x, kernel, stride).astype(jnp.float32)
    return normalise(y, norm, relu).astype(x.dtype)


def _forward(
    x: Array, kernel: Array, norm: Norm, stride: int, relu: bool
) -> tuple[Array, Callable[[Array], tuple]]:
    return jax.vjp(partial(_one_by_one, stride=stride, relu=relu), x, kernel, norm)


def _backward(
    _stride: int, _relu: bool, pull: Callable[[Array], tuple], dy: Array
) -> tuple[Array, Array, Norm]:
    return pull(dy)


convolve_and_normalise.defvjp(_forward, _backward)
