"""ResNet-50 of the VGGFace2 release, as the backbone of the per-frame models and as one of them.

"Spatial and Temporal Networks for Facial Expression Recognition in the Wild Videos", arXiv
2107.05160 (ABAW 2021), model (a): every frame is classified on its own, all layers are trained.

The architecture is the Caffe-style first version that the VGGFace2 weights `resnet50_ft_dag` and
`senet50_ft_dag` were trained with (Q. Cao et al., "VGGFace2", FG 2018): the stride of a stage sits
on its first 1x1 convolution, not on the 3x3, and the stem's max-pool has no padding but ceil mode.

Deviates: the 7x7 average pool is a mean over the whole map, the same at 224x224, because the fixed
window fails at the 112x112 of Aff-Wild2's crops.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PyTree

from dfer_jax.errors import UserError
from dfer_jax.models.layers import dense
from dfer_jax.models.normalisation import normalise
from dfer_jax.ops.conv_norm import conv_norm

BACKBONE = "backbone"
"""Name of the backbone in the variable trees of all per-frame models."""

ABAW2021_CODE = {"normalisation": "abaw2021_code"}
"""Arguments of model (a) as the released code has it, expressions."""

ABAW2021_CODE_AU = {"num_classes": 12, "normalisation": "imagenet"}
"""Arguments of the action unit model of the released code."""

_MIN_SIZE = 32
_SE_REDUCTION = 16


class Bottleneck(nn.Module):
    """1x1 reduce, 3x3, 1x1 increase, each with BatchNorm, added to the shortcut.

    Attributes:
        features: inner channels; the output has four times as many.
        stride: of the 1x1 reduction and of the shortcut.
        project: whether the shortcut is a 1x1 convolution (first block of a stage).
        squeeze_excite: whether the residual is multiplied by an SE gate, reduction 16, biases.
        dtype: type of the computation.
        axis_name: device axis over which BatchNorm statistics are averaged.
    """

    features: int
    stride: int = 1
    project: bool = False
    squeeze_excite: bool = False
    dtype: DTypeLike = jnp.float32
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: Float[Array, "n h w c"], *, train: bool) -> Float[Array, "n i j d"]:
        """Returns the block's output, d = 4 * features."""
        shared = {"train": train, "dtype": self.dtype, "axis_name": self.axis_name}
        reduced = {"kernel": 1, "stride": self.stride}
        width = 4 * self.features
        y = conv_norm(x, self.features, relu=True, name="conv1", **reduced, **shared)
        y = conv_norm(y, self.features, relu=True, name="conv2", **shared)
        y = conv_norm(y, width, kernel=1, name="conv3", **shared)
        if self.squeeze_excite:
            y = y * self._gate(y)[:, None, None].astype(self.dtype)
        if self.project:
            x = conv_norm(x, width, name="shortcut_conv", **reduced, **shared)
        return nn.relu(y + x)

    def _gate(self, y: Float[Array, "n i j d"]) -> Float[Array, "n d"]:
        width = y.shape[-1]
        z = y.astype(jnp.float32).mean(axis=(1, 2))
        z = nn.relu(dense(width // _SE_REDUCTION, fan_in=width, name="se_down")(z))
        return nn.sigmoid(dense(width, fan_in=width // _SE_REDUCTION, name="se_up")(z))


class Backbone(nn.Module):
    """ResNet-50 without its classifier: one vector per picture; see `FrameModel` for attributes."""

    width: int = 64
    stage_sizes: Sequence[int] = (3, 4, 6, 3)
    squeeze_excite: bool = False
    normalisation: str = "vggface2_rgb"
    dtype: DTypeLike = jnp.float32
    axis_name: str | None = None

    @nn.compact
    def __call__(self, images: Float[Array, "n h w 3"], *, train: bool) -> Float[Array, "n d"]:
        """Returns the mean of the last map, float32 [n, d], d = width * 2**(stages + 1): 2048.

        Args:
            images: RGB in [0, 1], at least 32x32.
            train: whether BatchNorm uses and records the statistics of this batch.

        Raises:
            UserError: if the pictures are smaller or the normalisation is unknown.
        """
        if min(images.shape[1:3]) < _MIN_SIZE:
            raise UserError(
                f"the model takes pictures of at least {_MIN_SIZE}x{_MIN_SIZE}, not "
                f"{images.shape[1]}x{images.shape[2]}; use larger ones"
            )
        shared = {"dtype": self.dtype, "axis_name": self.axis_name}
        x = normalise(images, preset=self.normalisation).astype(self.dtype)
        stem = {"kernel": 7, "stride": 2, "relu": True, "name": "conv1"}
        x = ceil_max_pool(conv_norm(x, self.width, train=train, **stem, **shared))
        for stage, num_blocks in enumerate(self.stage_sizes):
            for block in range(num_blocks):
                first = block == 0
                x = Bottleneck(
                    self.width << stage,
                    stride=2 if first and stage else 1,
                    project=first,
                    squeeze_excite=self.squeeze_excite,
                    name=f"stage{stage + 2}_block{block + 1}",  # numbered as in the release
                    **shared,
                )(x, train=train)
        return x.astype(jnp.float32).mean(axis=(1, 2))


class FrameModel(nn.Module):
    """What the models that classify every frame share: the backbone, and what they may be fed.

    Input is either frames or the backbone's features of frames, kept from an earlier run: the
    parameters are the same but for the backbone's, which features do without (and which do not
    exist if the model is initialised on features; `with_backbone` puts them in).

    Attributes:
        num_classes: outputs k: 7 expressions (8 with "Other"), or the 12 action units of Aff-Wild2.
            Logits in either case: a softmax or sigmoids follow in the loss.
        width: channels of the stem; 64 is ResNet-50.
        stage_sizes: blocks per stage; (3, 4, 6, 3) is ResNet-50.
        squeeze_excite: whether it is SE-ResNet-50.
        normalisation: what the backbone's weights expect, a name in
            `normalisation.NORMALISATIONS`.
        dtype: type of the computation; parameters, statistics, softmax and logits stay float32.
        axis_name: device axis over which BatchNorm statistics are averaged; None on one device.
    """

    num_classes: int = 7
    width: int = 64
    stage_sizes: Sequence[int] = (3, 4, 6, 3)
    squeeze_excite: bool = False
    normalisation: str = "vggface2_rgb"
    dtype: DTypeLike = jnp.float32
    axis_name: str | None = None

    frozen: ClassVar[tuple[str, ...]] = ()
    """Top-level names in `params` that no gradient reaches; an optimiser must leave them alone."""

    def _features(
        self, x: Float[Array, "b t h w 3"] | Float[Array, "b t d"], *, train: bool
    ) -> Float[Array, "b t d"]:
        """Returns the backbone's features of frames, or the features given, float32."""
        d = self.width << (len(self.stage_sizes) + 1)
        if x.ndim == 3:
            if x.shape[-1] != d:
                raise UserError(
                    f"the model takes features of width {d}, not {x.shape[-1]}; extract them "
                    "with the same backbone"
                )
            return x.astype(jnp.float32)
        backbone = Backbone(
            width=self.width,
            stage_sizes=self.stage_sizes,
            squeeze_excite=self.squeeze_excite,
            normalisation=self.normalisation,
            dtype=self.dtype,
            axis_name=self.axis_name,
            name=BACKBONE,
        )
        frozen = BACKBONE in self.frozen
        features = backbone(x.reshape(-1, *x.shape[2:]), train=train and not frozen)
        features = features.reshape(*x.shape[:2], d)  # [b, t, d]
        return jax.lax.stop_gradient(features) if frozen else features

    def _classify(self, features: Float[Array, "b t d"]) -> Float[Array, "b t k"]:
        features = features.astype(jnp.float32)
        return dense(self.num_classes, fan_in=features.shape[-1], name="classifier")(features)


class ResNet50(FrameModel):
    """Model (a): a linear classifier on each frame's features."""

    @nn.compact
    def __call__(
        self, x: Float[Array, "b t h w 3"] | Float[Array, "b t d"], *, train: bool
    ) -> tuple[Float[Array, "b t k"], Mapping[str, Array | Mapping[str, Array]]]:
        """Classifies every frame.

        Args:
            x: frames [b, t, h, w, 3], RGB in [0, 1], at least 32x32, or their features [b, t, d].
            train: whether BatchNorm uses (and records, collection `batch_stats`) the statistics
                of this batch instead of the running ones.

        Returns:
            Logits [b, t, k], float32, and `out`: `features` [b, t, d], what the classifier and the
            temporal models see, as `frame_features` too; `aux_logits`, empty.

        Raises:
            UserError: if the shape of `x` or an attribute does not fit.
        """
        features = self._features(x, train=train)
        out = {"frame_features": features, "features": features, "aux_logits": {}}
        return self._classify(features), out


def with_backbone(
    variables: Mapping[str, Mapping], source: Mapping[str, Mapping]
) -> dict[str, dict[str, PyTree]]:
    """Returns `variables` with the backbone (parameters and statistics) of `source`.

    Args:
        variables: of a per-frame model, initialised on frames or on features.
        source: variables of any per-frame model with the same backbone, or only the backbone's
            part of them.
    """
    return {
        kind: {**variables.get(kind, {}), BACKBONE: source[kind][BACKBONE]}
        for kind in ("params", "batch_stats")
    }


def ceil_max_pool(x: Float[Array, "n h w c"]) -> Float[Array, "n i j c"]:
    """Returns maxima of 3x3 windows at stride 2; the last one may overhang (ceil mode)."""
    over = [(0, (size + 1) % 2) for size in x.shape[1:3]]
    # Not `nn.max_pool`'s own padding, which jax2onnx leaves out without a word.
    x = jnp.pad(x, ((0, 0), *over, (0, 0)), constant_values=-jnp.inf)
    return nn.max_pool(x, window_shape=(3, 3), strides=(2, 2))
