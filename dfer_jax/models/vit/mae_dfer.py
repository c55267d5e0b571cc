"""MAE-DFER: attention inside regions of a clip, between the regions, and back.

L. Sun, Z. Lian, B. Liu, J. Tao, "MAE-DFER: Efficient Masked Autoencoder for Self-supervised Dynamic
Facial Expression Recognition", ACM MM 2023; github.com/sunlicai/MAE-DFER at commit 80b651d (MIT),
whose weights and names it takes.

Input: float32 [b, t, h, w, 3], RGB in [0, 1]; 16 frames of 160x160, normalised as ImageNet's.
"""

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from dfer_jax.errors import UserError
from dfer_jax.models.clip_network import Output
from dfer_jax.models.vit.layers import Attention, drop_path, mlp, norm, truncated_normal
from dfer_jax.models.vit.video_vit import VideoViT


class MAEDFER(VideoViT):
    """84,878,343 parameters.

    Attributes:
        depth: blocks.
        region: tubelets of a region in time, height and width.
    """

    depth: int = 16
    region: tuple[int, int, int] = (2, 5, 10)

    @nn.compact
    def __call__(self, clips: Float[Array, "b f h w 3"], *, train: bool) -> Output:
        """Classifies clips; see `clip_network.Output`.

        Raises:
            UserError: if an attribute or the shape of `clips` does not fit.
        """
        tokens = _in_regions(self._tokens(clips), self.region)
        shape = (tokens.shape[1], self.width)
        regions = self.param("lg_region_tokens", truncated_normal, shape, jnp.float32)
        first = jnp.broadcast_to(regions[None, :, None], (tokens.shape[0], shape[0], 1, shape[1]))
        x = jnp.concatenate([first.astype(tokens.dtype), tokens], axis=2)  # [b, r, 1 + n, d]
        for i, rate in enumerate(self._drop_rates(self.depth)):
            block = _LocalGlobalBlock(self.num_heads, rate, self.dtype, name=f"blocks.{i}")
            x = block(x, train=train)
        return self._classify_tokens(x[:, :, 0])


class _LocalGlobalBlock(nn.Module):
    """Attention inside each region, between region tokens, from all tokens to these; an MLP."""

    num_heads: int
    drop_path: float
    dtype: DTypeLike

    @nn.compact
    def __call__(self, x: Float[Array, "b r n d"], *, train: bool) -> Float[Array, "b r n d"]:
        """Returns the tokens of each region, the first of which is its region token."""
        b, r, n, d = x.shape
        of_clips = drop_path(self.drop_path, train=train)
        of_regions = drop_path(self.drop_path, axes=2, ndim=4, train=train)

        within = self._norm(x, "first_attn_norm0").reshape(b * r, n, d)
        x = x + of_regions(self._attention("first_attn")(within).reshape(x.shape))

        regions, patches = x[:, :, 0], x[:, :, 1:].reshape(b, -1, d)
        y = self._attention("second_attn")(self._norm(regions, "second_attn_norm0"))
        regions = regions + of_clips(y)

        queries, context = (
            self._norm(patches, "third_attn_norm0"),
            self._norm(regions, "third_attn_norm1"),
        )
        patches = patches + of_clips(self._attention("third_attn")(queries, context))

        x = jnp.concatenate([regions[:, :, None], patches.reshape(b, r, n - 1, d)], axis=2)
        return x + of_regions(mlp(self._norm(x, "norm2"), 4 * d, dtype=self.dtype))

    def _norm(self, x: Float[Array, "*n d"], name: str) -> Float[Array, "*n d"]:
        return norm(x, dtype=self.dtype, name=name)

    def _attention(self, name: str) -> Attention:
        return Attention(self.num_heads, dtype=self.dtype, name=name)


def _in_regions(
    x: Float[Array, "b t p q d"], region: tuple[int, int, int]
) -> Float[Array, "b r n d"]:
    """Returns the tokens of each region, in the order of time, height and width as the regions are.

    Raises:
        UserError: if the grid is not one of whole regions.
    """
    b, *grid, d = x.shape
    if any(side % part for side, part in zip(grid, region, strict=True)):
        raise UserError(
            f"model region is {tuple(region)} but the clip has {tuple(grid)} tubelets; choose parts"
        )
    t, p, q = (side // part for side, part in zip(grid, region, strict=True))
    rt, rp, rq = region
    x = x.reshape(b, t, rt, p, rp, q, rq, d).transpose(0, 1, 3, 5, 2, 4, 6, 7)
    return x.reshape(b, t * p * q, rt * rp * rq, d)
