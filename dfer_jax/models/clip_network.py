"""What the networks compared with GCA+IAL share: their arguments, their input, their layers.

Parameters have the names of the published PyTorch networks ("layer1.0.conv1"), so that weights
trained with those are read without a table of names (`dfer_jax.interop.by_name`).
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from dfer_jax.errors import UserError
from dfer_jax.models.layers import dense, uniform_fan_in
from dfer_jax.models.normalisation import normalise
from dfer_jax.ops.conv_norm_3d import conv_norm_3d

Output = tuple[Float[Array, "b k"], Mapping[str, Array | Mapping[str, Array]]]
"""Logits [b, k], float32, and named intermediates: `features` [b, d], what the classifier sees,
float32, and `aux_logits`, empty unless the network says otherwise."""


class ClipNetwork(nn.Module):
    """A network that gives one label to a clip.

    Attributes:
        num_classes: outputs k.
        num_frames: frames of a clip.
        image_size: side of the square frames in pixels.
        width: channels of the first layer, which all others grow with; 64 is the published one.
        normalisation: what is subtracted and divided before the first layer, a name in
            `normalisation.NORMALISATIONS`; pre-trained weights need their own.
        dtype: type of the computation; parameters, statistics, softmax and logits stay float32.
        axis_name: device axis over which BatchNorm statistics are averaged; None on one device.
    """

    num_classes: int = 7
    num_frames: int = 16
    image_size: int = 112
    width: int = 64
    normalisation: str = "none"
    dtype: DTypeLike = jnp.float32
    axis_name: str | None = None

    classifier: ClassVar[str] = "fc"
    """Name of the layer that gives the logits."""
    pretrained: ClassVar[Mapping[int, str]] = MappingProxyType({})
    """Number of classes of published weights -> the normalisation that these need."""
    files: ClassVar[tuple[str, ...]] = ("",)
    """What the names in each of the published files begin with here, and not there."""
    unused: ClassVar[str] = r"(?!)"
    """Pattern of the names of published parameters that no output depends on."""

    @classmethod
    def is_unused(cls, name: str) -> bool:
        """Returns whether no output depends on the published parameter of this name."""
        return re.fullmatch(cls.unused, name) is not None

    def _prepare(self, clips: Float[Array, "b t h w 3"]) -> Float[Array, "b t h w 3"]:
        """Returns the clips as the first layer takes them.

        Raises:
            UserError: if their shape is not the one the network was made for.
        """
        size, frames = self.image_size, self.num_frames
        if self.width < 8 or self.width % 8:
            raise UserError(f"model width is {self.width}; it must be a multiple of 8")
        if clips.shape[1:] != (frames, size, size, 3):
            raise UserError(
                f"the model takes clips of {frames} frames of {size}x{size}x3, not {clips.shape}; "
                "set its num_frames and image_size to those of the clips"
            )
        if self.normalisation == "none":
            return clips.astype(self.dtype)
        return normalise(clips, preset=self.normalisation).astype(self.dtype)

    def _conv(
        self, x: Float[Array, "b t h w c"], features: int, name: str, norm: str, **options: object
    ) -> Float[Array, "b r p q d"]:
        """Convolves and normalises; see `conv_norm_3d`."""
        shared = {"dtype": self.dtype, "axis_name": self.axis_name}
        return conv_norm_3d(x, features, names=(name, norm), **shared, **options)

    def _classify(
        self,
        features: Float[Array, "b d"],
        *,
        kernel_init: Initializer = uniform_fan_in,
    ) -> Output:
        """Returns what the network returns, given what its classifier sees."""
        features = features.astype(jnp.float32)
        layer = dense(
            self.num_classes,
            fan_in=features.shape[-1],
            kernel_init=kernel_init,
            name=self.classifier,
        )
        return layer(features), {"features": features, "aux_logits": {}}


def global_mean(x: Float[Array, "b t h w c"]) -> Float[Array, "b c"]:
    """Returns the mean over time and space, float32."""
    return x.astype(jnp.float32).mean(axis=(1, 2, 3))
