"""S2D: a still recogniser's ViT, guided by a landmark network, with adapters between the frames.

Y. Chen et al., "From Static to Dynamic: Adapting Landmark-Aware Image Models for Facial Expression
Recognition in Videos", TAFFC 2024; github.com/MSA-LMC/S2D at commit e1b5e5d (Apache-2.0), whose
weights and names it takes; those of the landmark network begin with `landmark.` here.

Input: float32 [b, t, h, w, 3], RGB in [0, 1]; 16 frames of 224x224, normalised as ImageNet's.
"""

from collections.abc import Callable
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from dfer_jax.errors import UserError
from dfer_jax.models.clip_network import ClipNetwork, Output
from dfer_jax.models.layers import layer_norm
from dfer_jax.models.vit.layers import (
    EPSILON,
    Attention,
    Block,
    PatchEmbedding,
    gelu,
    linear,
    norm,
    truncated_normal,
)
from dfer_jax.models.vit.mobile_facenet import MobileFaceNet
from dfer_jax.ops.layer_norm import LayerNorm

_GRID = 14  # places a side of the landmark map, and of the patches
_ADAPTER_HEADS = 8


class S2D(ClipNetwork):
    """95,055,571 parameters and 1,007,248 of the landmark network.

    Attributes:
        image_size: side of the square frames in pixels, 14 patches.
        width: channels of a token.
        normalisation: see `ClipNetwork`.
        num_heads: attention heads.
        patch_size: side of a patch in pixels.
        depth: blocks.
        dropout: rate before the classifier, training.
    """

    image_size: int = 224
    width: int = 768
    normalisation: str = "imagenet"
    num_heads: int = 12
    patch_size: int = 16
    depth: int = 12
    dropout: float = 0.5

    classifier: ClassVar[str] = "head.fc_cls"
    files: ClassVar[tuple[str, ...]] = ("", "landmark.")

    @property
    def frozen(self) -> tuple[str, ...]:
        """Names in `params` that training leaves alone: all but adapters, prompts and head."""
        blocks = (f"blocks.{i}" for i in range(self.depth))
        return ("landmark", "cls_token", "pos_embed", "patch_embed.proj", *blocks)

    @nn.compact
    def __call__(self, clips: Float[Array, "b t h w 3"], *, train: bool) -> Output:
        """Classifies clips; see `clip_network.Output`; also `frame_features` [b, t, d].

        Raises:
            UserError: if an attribute or the shape of `clips` does not fit.
        """
        self._check()
        pictures = self._prepare(clips)
        frames = norm(self._tokens(pictures)[:, :, 0], dtype=jnp.float32, name="ln_post")
        features = frames.mean(axis=1)
        dropped = nn.Dropout(self.dropout, deterministic=not train)(features)
        logits = linear(self.num_classes, name=self.classifier)(dropped)
        return logits, {"frame_features": frames, "features": features, "aux_logits": {}}

    def _check(self) -> None:
        if self.width % (4 * _ADAPTER_HEADS) or self.width % self.num_heads:
            raise UserError(
                f"model width is {self.width}; it must be a multiple of {4 * _ADAPTER_HEADS} and "
                f"of num_heads={self.num_heads}"
            )
        if self.image_size != _GRID * self.patch_size:
            raise UserError(
                f"model image_size is {self.image_size}; it must be {_GRID} patches of "
                f"patch_size={self.patch_size}"
            )

    def _tokens(self, pictures: Float[Array, "b t h w 3"]) -> Float[Array, "b t n d"]:
        """Returns a class token and patch tokens of every frame, behind the last block."""
        norms = [self._shared_norm(i) for i in range(self.depth)]
        prompts = [_PromptBlock(self.dtype, name=f"prompt_blocks.{i}") for i in range(self.depth)]
        patches = self._embed(pictures, self.patch_size, "patch_embed.proj")
        guide = self._embed(self._landmark_map(pictures), 1, "patch_embed_prompt.proj")
        guide, prompt = prompts[0](norms[0](patches), norms[0](guide))
        x = self._with_class_token(patches + prompt)
        x = self._block(0, x)
        for i in range(1, self.depth):
            # As in the release: the norm of patches lags by one, that of the guide is the first.
            guide, prompt = prompts[i](norms[i - 1](x)[:, :, 1:], norms[0](guide))
            x = self._block(i, jnp.concatenate([x[:, :, :1], x[:, :, 1:] + prompt], axis=2))
        norms[-1](x[:, :, :1])  # its weights are in the files, and never used
        return x

    def _landmark_map(self, pictures: Float[Array, "b t h w 3"]) -> Float[Array, "b t p q c"]:
        network = MobileFaceNet(dtype=self.dtype, name="landmark")
        found, _ = network(pictures.reshape(-1, *pictures.shape[2:]))
        return jax.lax.stop_gradient(found.reshape(*pictures.shape[:2], *found.shape[1:]))

    def _embed(self, x: Float[Array, "b t h w c"], patch: int, name: str) -> Array:
        """Returns tokens [b, t, n, d] of patches, row by row."""
        embed = PatchEmbedding(self.width, (patch, patch), dtype=self.dtype, name=name)
        return embed(x.reshape(-1, *x.shape[2:])).reshape(*x.shape[:2], -1, self.width)

    def _with_class_token(self, patches: Float[Array, "b t n d"]) -> Float[Array, "b t m d"]:
        """Returns class token and patches with their positions and those of their frames."""
        b, t, n, d = patches.shape
        shapes = {
            "cls_token": (1, 1, d),
            "pos_embed": (1, n + 1, d),
            "temporal_embedding": (1, t, d),
        }
        token, places, times = (
            self.param(name, truncated_normal, shape, jnp.float32) for name, shape in shapes.items()
        )
        first = jnp.broadcast_to(token, (b, t, 1, d)).astype(self.dtype)
        x = jnp.concatenate([first, patches], axis=2)
        return x + (places[:, None] + times[:, :, None]).astype(self.dtype)

    def _block(self, index: int, x: Float[Array, "b t m d"]) -> Float[Array, "b t m d"]:
        block = Block(self.num_heads, "qkv", dtype=self.dtype, name=f"blocks.{index}")
        return block(x.reshape(-1, *x.shape[2:])).reshape(x.shape)

    def _shared_norm(self, index: int) -> Callable[[Array], Array]:
        shared = LayerNorm(EPSILON, name=f"prompt_norms.{index}")
        return lambda x: shared(x.astype(jnp.float32)).astype(self.dtype)


class _PromptBlock(nn.Module):
    """What is added to the patches of each frame: from the guide, and from the other frames."""

    dtype: DTypeLike

    @nn.compact
    def __call__(
        self, x: Float[Array, "b t n d"], guide: Float[Array, "b t n d"]
    ) -> tuple[Float[Array, "b t n d"], Float[Array, "b t n d"]]:
        """Returns the next guide, and what is added to the patches."""
        small = self._mix(x, 8, "conv0_0")
        smooth = _Fovea(name="fovea")()
        focus = nn.softmax(small.astype(jnp.float32) * smooth, axis=2).astype(small.dtype)
        both = focus * small + self._mix(guide, 8, "conv0_1")
        guide = self._mix(both, x.shape[-1], "conv1x1")
        return guide, guide + self._between_frames(x)

    def _between_frames(self, x: Float[Array, "b t n d"]) -> Float[Array, "b t n d"]:
        """Attention of each place to itself in all frames, then an adapter of each token."""
        b, t, n, d = x.shape
        y = gelu(self._linear(d // 4, "T_Adapter.D_fc1")(x))
        y = y.transpose(0, 2, 1, 3).reshape(b * n, t, d // 4)
        attention = {"bias": "none", "fused": True, "dtype": self.dtype}
        y = Attention(_ADAPTER_HEADS, name="TMA.T_Adapter.attn", **attention)(y)
        y = y.reshape(b, n, t, d // 4).transpose(0, 2, 1, 3)
        y = self._linear(d, "T_Adapter.D_fc2")(y)
        y = layer_norm(y, epsilon=1e-5, dtype=self.dtype, name="TMA.norm")
        y = gelu(self._linear(d // 4, "S_Adapter.D_fc1")(y))
        return self._linear(d, "S_Adapter.D_fc2")(y)

    def _linear(self, features: int, name: str) -> nn.Dense:
        return linear(features, dtype=self.dtype, name=f"TMA.{name}")

    def _mix(self, x: Float[Array, "b t n d"], features: int, name: str) -> Array:
        """A convolution of 1x1."""
        layer = PatchEmbedding(features, (1, 1), dtype=self.dtype, name=name)
        return layer(x.reshape(-1, *x.shape[2:])[:, :, None]).reshape(*x.shape[:3], features)


class _Fovea(nn.Module):
    """How sharply the guide looks."""

    @nn.compact
    def __call__(self) -> Float[Array, ""]:
        return self.param("smooth", nn.initializers.constant(10.0), (1,), jnp.float32)[0]
