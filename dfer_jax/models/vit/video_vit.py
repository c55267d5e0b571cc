"""What MAE-DFER and SVFAP share: tubelets with fixed positions in, mean of tokens to a classifier.

Input: float32 [b, t, h, w, 3], RGB in [0, 1]; 16 frames of 160x160, normalised as ImageNet's.
"""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dfer_jax.errors import UserError
from dfer_jax.models.clip_network import ClipNetwork, Output
from dfer_jax.models.vit.layers import (
    PatchEmbedding,
    linear,
    norm,
    sinusoid_positions,
    truncated_normal,
)

_HEAD_SCALE = 1e-3


class VideoViT(ClipNetwork):
    """A transformer over tubelets of 2 frames.

    Attributes:
        image_size: side of the square frames in pixels.
        width: channels of a token.
        normalisation: see `ClipNetwork`.
        num_heads: attention heads.
        patch_size: side of a tubelet in pixels.
        drop_path: rate of stochastic depth in the last block, in training; from 0 in the first it
            grows with the depth.
    """

    image_size: int = 160
    width: int = 512
    normalisation: str = "imagenet"
    num_heads: int = 8
    patch_size: int = 16
    drop_path: float = 0.1

    classifier: ClassVar[str] = "head"

    def _tokens(self, clips: Float[Array, "b f h w 3"]) -> Float[Array, "b t p q d"]:
        """Returns the tubelets with their positions, in their grid.

        Raises:
            UserError: if an attribute or the shape of `clips` does not fit.
        """
        if self.width % self.num_heads:
            raise UserError(
                f"model width is {self.width}; it must be a multiple of num_heads={self.num_heads}"
            )
        patch = (2, self.patch_size, self.patch_size)
        embed = PatchEmbedding(self.width, patch, dtype=self.dtype, name="patch_embed.proj")
        x = embed(self._prepare(clips))
        positions = sinusoid_positions(int(np.prod(x.shape[1:4])), self.width)
        positions = jnp.asarray(positions.reshape(1, *x.shape[1:]), x.dtype)
        return x + jnp.broadcast_to(positions, x.shape)

    def _drop_rates(self, depth: int) -> list[float]:
        return np.linspace(0.0, self.drop_path, depth).tolist()

    def _classify_tokens(self, x: Float[Array, "b n d"]) -> Output:
        """Returns what the network returns, given its last tokens."""
        features = norm(x.astype(jnp.float32).mean(axis=1), dtype=jnp.float32, name="fc_norm")
        layer = linear(self.num_classes, kernel_init=_small, name=self.classifier)
        return layer(features), {"features": features, "aux_logits": {}}


def _small(key: jax.Array, shape: tuple[int, ...], dtype: jax.typing.DTypeLike) -> jax.Array:
    return _HEAD_SCALE * truncated_normal(key, shape, dtype)
