"""MobileFaceNet with 136 outputs, 68 points of a face: the frozen network that guides S2D.

S. Chen et al., "MobileFaceNets", CCBR 2018, as in github.com/MSA-LMC/S2D at commit e1b5e5d
(landmark/mobilefacenet.py, from github.com/cunjian/pytorch_face_landmark), whose names it has.
BatchNorm always has its running statistics, and no gradient passes. 0.221 GMAC per picture.
"""

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from dfer_jax.ops.batch_norm import BatchNorm, Norm, normalise
from dfer_jax.ops.conv_norm import convolve_and_normalise
from dfer_jax.ops.conv_norm_3d import Convolution
from dfer_jax.ops.depthwise import convolve_depthwise
from dfer_jax.ops.matrix_product import as_dot_general

_SIDE = 112


class MobileFaceNet(nn.Module):
    """1,007,248 parameters."""

    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, pictures: Float[Array, "n h w 3"]
    ) -> tuple[Float[Array, "n 14 14 128"], Float[Array, "n 136"]]:
        """Returns the map behind `conv_4`, and the points as the last layer gives them, float32.

        Args:
            pictures: of any size; 112x112 of them are looked at, sampled corner to corner.
        """
        x = resize_corner_to_corner(pictures, _SIDE).astype(self.dtype)
        x = self._conv(x, 64, "conv1", kernel=3, stride=2)
        x = self._depthwise(x, "conv2_dw")
        x = self._bottleneck(x, 64, 128, "conv_23", stride=2)
        for i in range(4):
            x = self._bottleneck(x, 64, 128, f"conv_3.model.{i}")
        x = self._bottleneck(x, 128, 256, "conv_34", stride=2)
        for i in range(6):
            x = self._bottleneck(x, 128, 256, f"conv_4.model.{i}")
        return x, self._points(x)

    def _points(self, x: Float[Array, "n 14 14 128"]) -> Float[Array, "n 136"]:
        x = self._bottleneck(x, 128, 512, "conv_45", stride=2)
        for i in range(2):
            x = self._bottleneck(x, 128, 256, f"conv_5.model.{i}")
        x = self._conv(x, 512, "conv_6_sep")  # [n, 7, 7, 512]
        kernel, norm = self._declare((7, 7, 1, 512), "output_layer.conv_6_dw")
        x = convolve_depthwise(x, kernel, 1, border=0)[:, 0, 0].astype(jnp.float32)
        x = normalise(x, norm, False)
        options = {"use_bias": False, "dot_general": as_dot_general}
        x = nn.Dense(136, name="output_layer.linear", **options)(x)
        return normalise(x, BatchNorm(136, name="output_layer.bn")(None), False)

    def _bottleneck(
        self, x: Float[Array, "n h w c"], features: int, inner: int, name: str, *, stride: int = 1
    ) -> Float[Array, "n p q d"]:
        """1x1, depthwise 3x3, 1x1; the input is added where its shape is kept."""
        y = self._conv(x, inner, f"{name}.conv")
        y = self._depthwise(y, f"{name}.conv_dw", stride=stride)
        y = self._conv(y, features, f"{name}.project", is_bent=False)
        return x + y if stride == 1 else y

    def _conv(
        self,
        x: Float[Array, "n h w c"],
        features: int,
        name: str,
        *,
        kernel: int = 1,
        stride: int = 1,
        is_bent: bool = True,
    ) -> Float[Array, "n p q d"]:
        """Convolves, normalises, and bends what is below 0 by PReLU."""
        weights, norm = self._declare((kernel, kernel, x.shape[-1], features), name)
        y = convolve_and_normalise(x, weights, norm, stride, False)
        return _Prelu(name=f"{name}.prelu")(y) if is_bent else y

    def _depthwise(
        self, x: Float[Array, "n h w c"], name: str, *, stride: int = 1
    ) -> Float[Array, "n p q c"]:
        """3x3 of each channel by itself."""
        weights, norm = self._declare((3, 3, 1, x.shape[-1]), name)
        y = convolve_depthwise(x, weights, stride, border=1)
        y = normalise(y.astype(jnp.float32), norm, False).astype(x.dtype)
        return _Prelu(name=f"{name}.prelu")(y)

    def _declare(self, shape: tuple[int, ...], name: str) -> tuple[Float[Array, "i j c d"], Norm]:
        weights, _ = Convolution(shape, name=f"{name}.conv")()
        return weights.astype(self.dtype), BatchNorm(shape[-1], name=f"{name}.bn")(None)


class _Prelu(nn.Module):
    @nn.compact
    def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        slopes = self.param("weight", nn.initializers.constant(0.25), x.shape[-1:], jnp.float32)
        return jnp.where(x > 0, x, x * jnp.broadcast_to(slopes, x.shape).astype(x.dtype))


def resize_corner_to_corner(x: Float[Array, "n h w c"], side: int) -> Float[Array, "n p q c"]:
    """Returns bilinear samples of square maps, the outermost at the corners' centres.

    Nothing is smoothed before: PyTorch's `interpolate` with `align_corners`.
    """
    for axis in (1, 2):
        places = np.arange(side) * (x.shape[axis] - 1) / (side - 1)
        before = np.minimum(places.astype(np.int64), x.shape[axis] - 2)
        share = jnp.asarray(places - before, x.dtype).reshape(
            [-1 if a == axis else 1 for a in range(4)]
        )
        x = x.take(before, axis=axis) * (1 - share) + x.take(before + 1, axis=axis) * share
    return x
