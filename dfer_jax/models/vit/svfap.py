"""SVFAP: all tubelets attend to all, then few bottleneck tokens for each of ever fewer time steps.

L. Sun, Z. Lian, K. Wang, Y. He, M. Xu, H. Sun, B. Liu, J. Tao, "SVFAP: Self-supervised Video Facial
Affect Perceiver", IEEE Transactions on Affective Computing 2024; github.com/sunlicai/SVFAP at
commit 8e386b9 (MIT), whose weights and names it takes.

Input: float32 [b, t, h, w, 3], RGB in [0, 1]; 16 frames of 160x160, normalised as ImageNet's.
"""

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from dfer_jax.errors import UserError
from dfer_jax.models.clip_network import Output
from dfer_jax.models.vit.layers import Attention, Block, PatchEmbedding, drop_path, mlp, norm
from dfer_jax.models.vit.video_vit import VideoViT

_BOTTLENECK_HIDDEN = 128


class SVFAPB(VideoViT):
    """77,635,351 parameters.

    Attributes:
        stages: blocks of each stage; every stage but the first has half the time steps of the one
            before.
        bottleneck: tokens that stand for a time step in the stages but the first.
    """

    stages: tuple[int, ...] = (12, 6, 3)
    bottleneck: int = 8

    @nn.compact
    def __call__(self, clips: Float[Array, "b f h w 3"], *, train: bool) -> Output:
        """Classifies clips; see `clip_network.Output`.

        Raises:
            UserError: if an attribute or the shape of `clips` does not fit.
        """
        x = self._tokens(clips)
        b, steps = x.shape[:2]
        halvings = len(self.stages) - 1
        if steps % 2**halvings:
            raise UserError(
                f"model num_frames is {self.num_frames}; {len(self.stages)} stages need a multiple "
                f"of {2 ** (halvings + 1)}"
            )
        rates = self._drop_rates(sum(self.stages))
        x = x.reshape(b, -1, self.width)
        for i in range(self.stages[0]):
            x = Block(self.num_heads, "qv", rates[i], self.dtype, name=f"blocks.{i}")(
                x, train=train
            )
        x = x.reshape(b, steps, -1, self.width)
        first = self.stages[0]
        for k, depth in enumerate(self.stages[1:]):
            x = self._stage(x, k, range(first, first + depth), rates, train=train)
            first += depth
        return self._classify_tokens(x.reshape(b, -1, self.width))

    def _stage(
        self,
        x: Float[Array, "b t p d"],
        k: int,
        blocks: range,
        rates: list[float],
        *,
        train: bool,
    ) -> Float[Array, "b u p d"]:
        """Halves time, lets bottleneck tokens gather from all others, then these from them."""
        x = _halve_time(x, name=f"temporal_downsamples.{k}", dtype=self.dtype)
        name = f"spatial_downsamples.{k}"
        few = _Bottleneck(self.bottleneck, self.dtype, name=name)(x).reshape(
            x.shape[0], -1, self.width
        )
        tokens = x.reshape(x.shape[0], -1, self.width)
        for i in blocks:
            block = _CrossBlock(self.num_heads, "qv", rates[i], self.dtype, name=f"blocks.{i}")
            if i != blocks[-1]:
                few = block(few, tokens, train=train)
            else:
                tokens = block(tokens, few, train=train)
        return tokens.reshape(x.shape)


class _CrossBlock(Block):
    """x + attention of cross_norm1 x to cross_norm2 of a context, then a `Block`."""

    @nn.compact
    def __call__(
        self, x: Float[Array, "b n d"], context: Float[Array, "b m d"], *, train: bool
    ) -> Float[Array, "b n d"]:
        """Returns the tokens `x` after both."""
        attention = Attention(self.num_heads, self.bias, dtype=self.dtype, name="cross_attn")
        y = attention(
            norm(x, dtype=self.dtype, name="cross_norm1"),
            norm(context, dtype=self.dtype, name="cross_norm2"),
        )
        x = x + drop_path(self.drop_path, train=train)(y)
        return super().__call__(x, train=train)


class _Bottleneck(nn.Module):
    """A few weighted sums of the tokens of a time step; the tokens themselves decide the weights.

    Attributes:
        count: sums of each step.
        dtype: type of the computation.
    """

    count: int
    dtype: DTypeLike

    @nn.compact
    def __call__(self, x: Float[Array, "b t p d"]) -> Float[Array, "b t k d"]:
        """Returns the sums; the softmax over the tokens of a step is float32."""
        y = norm(x, dtype=self.dtype, name="norm")
        y = mlp(y, _BOTTLENECK_HIDDEN, features=self.count, dtype=self.dtype)
        weights = nn.softmax(y.astype(jnp.float32), axis=2).astype(x.dtype)
        return jnp.einsum("btpk,btpd->btkd", weights, x)


def _halve_time(
    x: Float[Array, "b t p d"], *, name: str, dtype: DTypeLike
) -> Float[Array, "b u p d"]:
    """Joins every two time steps of each place by a convolution."""
    b, t, p, d = x.shape
    x = x.transpose(0, 2, 1, 3).reshape(b * p, t, d)
    x = PatchEmbedding(d, (2,), dtype=dtype, name=name)(x)
    return x.reshape(b, p, t // 2, d).transpose(0, 2, 1, 3)
