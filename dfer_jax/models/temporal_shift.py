"""Residual networks that move part of their channels along time before each block.

J. Lin, C. Gan, S. Han, "TSM: Temporal Shift Module for Efficient Video Understanding", ICCV 2019,
arXiv 1811.08383: a 2D network sees its neighbours in time at no cost in parameters or products.
The networks are the ImageNet ResNets (K. He et al., CVPR 2016) with the stride of a bottleneck on
its 3x3 convolution, the variant that published weights of 2017 and later have.
"""

from collections.abc import Sequence

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from dfer_jax.errors import UserError
from dfer_jax.ops.conv_norm import conv_norm
from dfer_jax.ops.pooling import max_pool

STAGE_SIZES = {10: (1, 1, 1, 1), 18: (2, 2, 2, 2), 50: (3, 4, 6, 3)}
"""Depth of the network -> blocks of each stage."""

_SHIFTED_PART = 8


def temporal_shift(x: Float[Array, "n h w c"], *, segment: int) -> Float[Array, "n h w c"]:
    """Returns the maps with 1/8 of the channels taken from the next frame and 1/8 from the last.

    Channels 0..c/8-1 come from the frame after, the next c/8 from the frame before (TSM, section
    3.2), zeros where there is none in the group; the others stay.

    Args:
        x: maps of frames, groups of `segment` consecutive ones after each other.
        segment: frames of a group, divides n.
    """
    fold = x.shape[-1] // _SHIFTED_PART
    groups = x.reshape(-1, segment, *x.shape[1:])  # [g, segment, h, w, c]
    later, earlier, rest = jnp.split(groups, (fold, 2 * fold), axis=-1)
    side = ((0, 0),) * 3
    later = jnp.pad(later[:, 1:], ((0, 0), (0, 1), *side))
    earlier = jnp.pad(earlier[:, :-1], ((0, 0), (1, 0), *side))
    return jnp.concatenate([later, earlier, rest], axis=-1).reshape(x.shape)


class ShiftedBlock(nn.Module):
    """Residual block whose convolutions see shifted channels; the shortcut sees them unshifted.

    Attributes:
        features: channels of the 3x3 convolutions.
        bottleneck: 1x1, 3x3, 1x1 to four times the channels, instead of 3x3, 3x3.
        stride: of the first 3x3 convolution and of the shortcut.
        segment: frames of a group.
        dtype: type of the computation.
        axis_name: device axis over which BatchNorm statistics are averaged.
    """

    features: int
    bottleneck: bool
    stride: int
    segment: int
    dtype: DTypeLike = jnp.float32
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: Float[Array, "n h w c"], *, train: bool) -> Float[Array, "n i j d"]:
        """Returns the block's output, d = features, or four times as many."""
        shared = {"train": train, "dtype": self.dtype, "axis_name": self.axis_name}
        layers = ((self.features, 3, self.stride), (self.features, 3, 1))
        if self.bottleneck:
            last = (4 * self.features, 1, 1)
            layers = ((self.features, 1, 1), (self.features, 3, self.stride), last)
        y = temporal_shift(x, segment=self.segment)
        for i, (width, kernel, stride) in enumerate(layers, 1):
            options = {"kernel": kernel, "stride": stride, "relu": i < len(layers)}
            y = conv_norm(y, width, name=f"conv{i}", **options, **shared)
        if self.stride != 1 or x.shape[-1] != width:
            options = {"kernel": 1, "stride": self.stride}
            x = conv_norm(x, width, name="shortcut_conv", **options, **shared)
        return nn.relu(y + x)


class ShiftedResNet(nn.Module):
    """ResNet with temporal shift and without its classifier: one vector per frame.

    Attributes:
        depth: 10, 18 or 50.
        width: channels of the stem; 64 is the published network.
        segment: consecutive frames within which channels move.
        dtype: type of the computation.
        axis_name: device axis over which BatchNorm statistics are averaged.
    """

    depth: int
    width: int = 64
    segment: int = 4
    dtype: DTypeLike = jnp.float32
    axis_name: str | None = None

    @nn.compact
    def __call__(self, frames: Float[Array, "n h w 3"], *, train: bool) -> Float[Array, "n d"]:
        """Returns the mean of the last map, float32 [n, d], d = 8 * width, at depth 50 32 * width.

        Args:
            frames: RGB in [0, 1], sides a multiple of 16, groups of `segment` after each other.
            train: whether BatchNorm uses and records the statistics of this batch.

        Raises:
            UserError: if the depth is unknown.
        """
        shared = {"dtype": self.dtype, "axis_name": self.axis_name}
        stem = {"kernel": 7, "stride": 2, "relu": True, "name": "conv1"}
        x = max_pool(conv_norm(frames, self.width, train=train, **stem, **shared))
        for stage, num_blocks in enumerate(self._stage_sizes()):
            for block in range(num_blocks):
                x = ShiftedBlock(
                    self.width << stage,
                    bottleneck=self.depth == 50,
                    stride=2 if stage and not block else 1,
                    segment=self.segment,
                    name=f"layer{stage + 1}_block{block}",
                    **shared,
                )(x, train=train)
        return x.astype(jnp.float32).mean(axis=(1, 2))

    def _stage_sizes(self) -> Sequence[int]:
        if self.depth not in STAGE_SIZES:
            known = ", ".join(map(str, STAGE_SIZES))
            raise UserError(f"there is no ResNet of depth {self.depth} here; choose from {known}")
        return STAGE_SIZES[self.depth]
