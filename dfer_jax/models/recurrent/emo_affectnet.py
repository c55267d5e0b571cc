"""EMO-AffectNet: a ResNet-50 that reads stills, and an LSTM over ten of them, five a second.

E. Ryumina, D. Dresvyanskiy, A. Karpov, "In search of a robust facial expressions recognition
model: a large-scale visual cross-corpus study", Neurocomputing 2022;
github.com/ElenaRyumina/EMO-AffectNetModel at commit 3dc8ed2 (MIT). Parameters have the names of the
released PyTorch files.

The ResNet-50 is that of Keras-VGGFace: other than in the VGGFace2 release (`models.resnet50`) the
first convolution has TensorFlow's SAME padding, the max-pool neither padding nor ceil mode, and
BatchNorm an epsilon of 1e-3.

Input: float32 [b, t, h, w, 3], RGB in [0, 1]; frames of 224x224, 3.833 GMAC each.

Deviates: no noise before and no dropout behind `fc1` in training, which the release has.
"""

import functools
from typing import ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from dfer_jax.errors import UserError
from dfer_jax.models.clip_network import ClipNetwork, Output
from dfer_jax.models.layers import dense
from dfer_jax.models.recurrent.layers import LSTM
from dfer_jax.ops.convolution_3d import same_padding
from dfer_jax.ops.pooling_3d import max_pool_3d

_BLOCKS = (3, 4, 6, 3)


class EmoAffectNetStatic(ClipNetwork):
    """The ResNet-50 alone, the mean of its frames' logits; 24,560,711 parameters.

    `features` is the mean of `frame_features` [b, t, d], d = 8 * `width`.
    """

    num_frames: int = 1
    image_size: int = 224
    normalisation: str = "vggface2_rgb"

    classifier: ClassVar[str] = "fc2"

    @nn.compact
    def __call__(self, clips: Float[Array, "b t h w 3"], *, train: bool) -> Output:
        """Classifies clips; see `clip_network.Output`.

        Raises:
            UserError: if the width or the shape of `clips` does not fit.
        """
        frames = self._frame_features(clips, train=train)
        logits, out = self._classify(frames.mean(axis=1))
        return logits, {"frame_features": frames, **out}

    def _frame_features(
        self, clips: Float[Array, "b t h w 3"], *, train: bool
    ) -> Float[Array, "b t d"]:
        """Returns what `fc1` and a ReLU make of every frame, float32."""
        conv = functools.partial(self._conv, train=train, epsilon=1e-3)
        x = self._prepare(clips)[..., ::-1]  # the release's colours are BGR
        options = {"kernel": (7, 7), "stride": (1, 2, 2), "relu": True}
        padding = same_padding(x.shape[1:4], (1, 7, 7), (1, 2, 2))
        names = ("conv_layer_s2_same", "batch_norm1")
        x = conv(x, self.width, *names, padding=padding, **options)
        x = max_pool_3d(x, window=(1, 3, 3), stride=(1, 2, 2))
        for stage, blocks in enumerate(_BLOCKS):
            for block in range(blocks):
                stride = 2 if stage and not block else 1
                name = f"layer{stage + 1}.{block}"
                x = _bottleneck(x, self.width << stage, name, conv, stride=stride)
        x = x.astype(jnp.float32).mean(axis=(2, 3))
        return nn.relu(dense(8 * self.width, fan_in=x.shape[-1], name="fc1")(x))


class EmoAffectNet(EmoAffectNetStatic):
    """The ResNet-50, and LSTMs of 512 and 256 over its features; 27,452,238 parameters.

    2,891,527 of them are the LSTMs' and their classifier's. `frame_logits` [b, t, k] are what the
    ResNet-50 says of every frame.
    """

    num_frames: int = 10

    classifier: ClassVar[str] = "fc"
    files: ClassVar[tuple[str, ...]] = ("", "")

    @nn.compact
    def __call__(
        self, clips: Float[Array, "b t h w 3"] | Float[Array, "b t d"], *, train: bool
    ) -> Output:
        """Classifies clips, or the features of their frames; see `clip_network.Output`.

        Of features [b, t, d], d = 8 * `width`, the ResNet-50 has no part and needs no parameters.

        Raises:
            UserError: if the width or the shape of `clips` does not fit.
        """
        if clips.ndim == 3:
            frames, of_frames = self._check_features(clips), {}
        else:
            frames = self._frame_features(clips, train=train)
            layer = dense(self.num_classes, fan_in=frames.shape[-1], name="fc2")
            of_frames = {"frame_logits": layer(frames)}
        states = LSTM(8 * self.width, dtype=self.dtype, name="lstm1")(frames)
        states = LSTM(4 * self.width, dtype=self.dtype, name="lstm2")(states)
        logits, out = self._classify(states[:, -1])
        return logits, {"frame_features": frames, **of_frames, **out}

    def _check_features(self, features: Float[Array, "b t d"]) -> Float[Array, "b t d"]:
        if features.shape[1:] != (self.num_frames, 8 * self.width):
            raise UserError(
                f"the model takes {self.num_frames} frames' features of width {8 * self.width}, "
                f"not {features.shape}; compute them with the same network"
            )
        return features.astype(jnp.float32)


def _bottleneck(
    x: Float[Array, "b t h w c"], planes: int, name: str, conv: functools.partial, *, stride: int
) -> Float[Array, "b t p q d"]:
    """1x1, 3x3, 1x1 to four times the planes, added to the shortcut; strides are the first's."""
    first = {"kernel": (1, 1), "stride": (1, stride, stride)}
    y = conv(x, planes, f"{name}.conv1", f"{name}.batch_norm1", relu=True, **first)
    y = conv(y, planes, f"{name}.conv2", f"{name}.batch_norm2", kernel=(3, 3), relu=True)
    y = conv(y, 4 * planes, f"{name}.conv3", f"{name}.batch_norm3", kernel=(1, 1))
    if name.endswith(".0"):
        names = (f"{name}.i_downsample.0", f"{name}.i_downsample.1")
        x = conv(x, 4 * planes, *names, **first)
    return nn.relu(y + x)
