"""A convolution of clips, in space and time or of each frame, with BatchNorm and perhaps a ReLU."""

import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from dfer_jax.ops.batch_norm import BatchNorm, normalise
from dfer_jax.ops.conv_norm import kaiming_fan_out
from dfer_jax.ops.convolution_3d import (
    Padding,
    Sizes,
    border,
    convolve_3d,
    convolve_and_normalise_3d,
)


def conv_norm_3d(
    x: Float[Array, "b t h w c"],
    features: int,
    *,
    names: tuple[str, str],
    train: bool,
    dtype: DTypeLike,
    axis_name: str | None,
    kernel: Sizes | tuple[int, int] = (3, 3, 3),
    stride: Sizes = (1, 1, 1),
    padding: Padding | None = None,
    relu: bool = False,
    kernel_init: Initializer = kaiming_fan_out,
    bias_init: Initializer | None = None,
    momentum: float = 0.9,
    epsilon: float = 1e-5,
) -> Float[Array, "b r p q d"]:
    """Convolves and normalises; to be called in a module's compact method.

    Args:
        x: maps.
        features: channels d of the result.
        names: of the convolution and of the BatchNorm in the parameter tree.
        train: whether to use, and record, the statistics of this batch.
        dtype: type of convolution and result; statistics and normalisation are float32.
        axis_name: device axis over which statistics are averaged; None on one device.
        kernel: of time, height, width; or of height and width, of a convolution of each frame.
        stride: of time, height, width; that of height and width is one.
        padding: with zeros; None: half a kernel on every side.
        relu: whether a ReLU follows.
        kernel_init: initial values of the kernel.
        bias_init: initial values of the convolution's bias; None: it has none.
        momentum: share of the old value in the running statistics.
        epsilon: added to the variance.
    """
    shape = (*kernel, x.shape[-1], features)
    weights, bias = Convolution(shape, kernel_init, bias_init, name=names[0])()
    norm = BatchNorm(
        features, momentum=momentum, epsilon=epsilon, axis_name=axis_name, name=names[1]
    )
    weights = weights if len(kernel) == 3 else weights[None]
    x, weights = x.astype(dtype), weights.astype(dtype)
    options = {"stride": stride, "padding": padding or border(weights.shape[:3])}
    if train:
        y = convolve_3d(x, weights, **options).astype(jnp.float32)
        if bias is not None:
            y = y + jnp.broadcast_to(bias, y.shape)
        return normalise(y, norm(y), relu).astype(dtype)
    given = norm(None)
    if bias is not None:
        given = given._replace(mean=given.mean - bias)
    return convolve_and_normalise_3d(x, weights, given, relu=relu, **options)


class Convolution(nn.Module):
    """The parameters of a convolution: its kernel [n, i, j, c, d] or [i, j, c, d], maybe a bias."""

    shape: tuple[int, ...]
    kernel_init: Initializer = kaiming_fan_out
    bias_init: Initializer | None = None

    @nn.compact
    def __call__(self) -> tuple[Float[Array, "*n c d"], Float[Array, " d"] | None]:
        """Returns kernel and bias, float32."""
        kernel = self.param("kernel", self.kernel_init, self.shape, jnp.float32)
        if self.bias_init is None:
            return kernel, None
        return kernel, self.param("bias", self.bias_init, self.shape[-1:], jnp.float32)
