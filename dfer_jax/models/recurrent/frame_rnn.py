"""ResNet-18 or VGG on every frame, and an LSTM or GRU over the frames, or their mean.

The "CNN+RNN" and "CNN" rows of the tables of DFEW (X. Jiang et al., ACM MM 2020), Former-DFER (Z.
Zhao, Q. Liu, ACM MM 2021) and FERV39k (Y. Wang et al., CVPR 2022). Networks of K. He et al., CVPR
2016, and K. Simonyan, A. Zisserman, ICLR 2015, the latter's without BatchNorm, with the names of
torchvision's, whose ImageNet weights they take (`normalisation="imagenet"`).

Input: float32 [b, t, h, w, 3], RGB in [0, 1]; 16 frames of 112x112.

Deviates: no code of these rows is public, so sizes are ours where papers leave them open: two
layers of 512, the last state of the upper one to the classifier; without a recurrent layer, the
mean of the frames' features.
"""

import functools
from typing import ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from dfer_jax.models import frame_resnet
from dfer_jax.models.clip_network import ClipNetwork, Output
from dfer_jax.models.recurrent.layers import GRU, LSTM
from dfer_jax.ops.conv_norm import kaiming_fan_out
from dfer_jax.ops.conv_norm_3d import Convolution
from dfer_jax.ops.convolution_3d import border, convolve_3d
from dfer_jax.ops.pooling_3d import max_pool_3d

_CELLS = {"lstm": LSTM, "gru": GRU}
_CNN = "cnn."


class FrameRNN(ClipNetwork):
    """What these networks have in common; the features of a frame are 8 * `width` wide.

    Attributes:
        groups: convolutions of VGG between two pools; none of them: ResNet-18.
        cell: `lstm` or `gru`, or "" for none.
    """

    groups: ClassVar[tuple[int, ...]] = ()
    cell: ClassVar[str] = ""

    @nn.compact
    def __call__(self, clips: Float[Array, "b t h w 3"], *, train: bool) -> Output:
        """Classifies clips; see `clip_network.Output`; also `frame_features` [b, t, d].

        Raises:
            UserError: if the width or the shape of `clips` does not fit.
        """
        x = self._prepare(clips)
        if self.groups:
            x = self._vgg(x)
        else:
            conv = functools.partial(self._conv, train=train)
            x = frame_resnet.stem(x, self.width, conv, prefix=_CNN)
            x = frame_resnet.stages(x, self.width, conv, prefix=_CNN)
        frames = features = x.astype(jnp.float32).mean(axis=(2, 3))
        if self.cell:
            layer = _CELLS[self.cell](8 * self.width, num_layers=2, dtype=self.dtype, name="rnn")
            features = layer(features)[:, -1]
        else:
            features = features.mean(axis=1)
        logits, out = self._classify(features)
        return logits, {"frame_features": frames, **out}

    def _vgg(self, x: Float[Array, "b t h w 3"]) -> Float[Array, "b t i j d"]:
        """Convolutions of 3x3, ReLU, and a pool of 2x2 behind each group; names count them all."""
        place = 0
        for group, length in enumerate(self.groups):
            for _ in range(length):
                shape = (3, 3, x.shape[-1], self.width * min(8, 1 << group))
                layer = Convolution(
                    shape, kaiming_fan_out, nn.initializers.zeros, name=f"{_CNN}{place}"
                )
                kernel, bias = (value.astype(self.dtype) for value in layer())
                y = convolve_3d(x, kernel[None], stride=(1, 1, 1), padding=border((1, 3, 3)))
                x = nn.relu(y + jnp.broadcast_to(bias, y.shape))
                place += 2
            x = max_pool_3d(x, window=(1, 2, 2), stride=(1, 2, 2))
            place += 1
        return x


class ResNet18(FrameRNN):
    """ResNet-18 alone; 11,180,103 parameters."""


class ResNet18LSTM(FrameRNN):
    """15,382,599 parameters."""

    cell: ClassVar[str] = "lstm"


class ResNet18GRU(FrameRNN):
    """14,331,975 parameters."""

    cell: ClassVar[str] = "gru"


class VGG13(FrameRNN):
    """VGG-13 alone; 9,408,583 parameters."""

    groups: ClassVar[tuple[int, ...]] = (2, 2, 2, 2, 2)


class VGG16(FrameRNN):
    """VGG-16 alone; 14,718,279 parameters."""

    groups: ClassVar[tuple[int, ...]] = (2, 2, 3, 3, 3)


class VGG11LSTM(FrameRNN):
    """13,426,567 parameters."""

    groups: ClassVar[tuple[int, ...]] = (1, 1, 2, 2, 2)
    cell: ClassVar[str] = "lstm"


class VGG13LSTM(VGG13):
    """13,611,079 parameters."""

    cell: ClassVar[str] = "lstm"


class VGG16LSTM(VGG16):
    """18,920,775 parameters."""

    cell: ClassVar[str] = "lstm"
