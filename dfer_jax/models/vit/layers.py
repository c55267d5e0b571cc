"""Layers of vision transformers with the names that their PyTorch codes have (`blocks.0.attn.qkv`).

Pre-norm blocks as in VideoMAE's code and timm's: LayerNorm with 1e-6, exact GELU. Parameters are
float32; `dtype` is the type of the computation. LayerNorm and every softmax are float32 whatever
`dtype` is. Training's stochastic depth needs a key, `rngs={"dropout": key}`.
"""

import math
from typing import Literal

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import lax
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Float32

from dfer_jax.errors import UserError
from dfer_jax.models.layers import layer_norm, uniform, uniform_fan_in
from dfer_jax.ops.attention import attend
from dfer_jax.ops.matrix_product import as_dot_general

EPSILON = 1e-6
"""Added to the variance in the LayerNorms of these codes."""
truncated_normal = nn.initializers.truncated_normal(0.02)
"""Initial weights of linear layers and of tokens there."""


def linear(
    features: int,
    *,
    use_bias: bool = True,
    dtype: DTypeLike = jnp.float32,
    kernel_init: Initializer = truncated_normal,
    name: str,
) -> nn.Dense:
    """Returns a linear layer whose weights begin truncated normal (0.02) and whose bias with zero.

    Args:
        features: output width.
        use_bias: whether there is a bias.
        dtype: type of the computation.
        kernel_init: initial weights, where they are others.
        name: name in the parameter tree.
    """
    options = {"dot_general": as_dot_general, "kernel_init": kernel_init}
    return nn.Dense(features, use_bias=use_bias, dtype=dtype, name=name, **options)


def gelu(x: Float[Array, "*n d"]) -> Float[Array, "*n d"]:
    """Returns x/2 (1 + erf(x / sqrt 2)), the exact GELU."""
    return x * (0.5 + 0.5 * lax.erf(x * math.sqrt(0.5)))


def sinusoid_positions(count: int, width: int) -> Float32[np.ndarray, "1 n d"]:
    """Returns the fixed position of each token of a sequence, computed in float64.

    Angle p / 10000^(2 floor(j/2) / width) of token p in channel j; even channels have its sine, odd
    ones its cosine.
    """
    rates = 10000.0 ** (-2 * (np.arange(width) // 2) / width)
    angles = np.arange(count, dtype=np.float64)[:, None] * rates
    odd = np.arange(width) % 2 == 1
    return np.where(odd, np.cos(angles), np.sin(angles))[None].astype(np.float32)


class Attention(nn.Module):
    """Multi-head attention of tokens to themselves (`qkv`, fused) or to a context (`q` and `kv`).

    Attributes:
        num_heads: attention heads.
        bias: `qv`: of queries and values (names `q_bias`, `v_bias`; one of keys would cancel in the
            softmax); `qkv`: of all, in the linear layer; `none`.
        fused: whether queries, keys and values come from one layer; then there is no context.
        dtype: type of the computation.
    """

    num_heads: int
    bias: Literal["qv", "qkv", "none"] = "qv"
    fused: bool = False
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, x: Float[Array, "b n d"], context: Float[Array, "b m d"] | None = None
    ) -> Float[Array, "b n d"]:
        """Returns what the tokens `x` gather from `context`, by default from themselves."""
        width = x.shape[-1]
        if self.fused:
            q, k, v = jnp.split(self._project(3 * width, "qkv")(x), 3, axis=-1)
        else:
            q = self._project(width, "q")(x)
            k, v = jnp.split(
                self._project(2 * width, "kv")(x if context is None else context), 2, axis=-1
            )
        if self.bias == "qv":
            q, v = self._biased(q, "q_bias"), self._biased(v, "v_bias")
        y = attend(q, k, v, num_heads=self.num_heads)
        return linear(width, dtype=self.dtype, name="proj")(y)

    def _project(self, features: int, name: str) -> nn.Dense:
        return linear(features, use_bias=self.bias == "qkv", dtype=self.dtype, name=name)

    def _biased(self, x: Float[Array, "b n d"], name: str) -> Float[Array, "b n d"]:
        bias = self.param(name, nn.initializers.zeros, x.shape[-1:], jnp.float32)
        return x + jnp.broadcast_to(bias, x.shape).astype(x.dtype)


def mlp(
    x: Float[Array, "*n d"], hidden: int, *, features: int = 0, dtype: DTypeLike, name: str = "mlp"
) -> Float[Array, "*n e"]:
    """Applies a linear layer, GELU and a linear layer, `<name>.fc1` and `<name>.fc2`.

    Args:
        x: any leading axes.
        hidden: width between the layers.
        features: width of the result; 0: that of `x`.
        dtype: type of the computation.
        name: of both in the parameter tree.
    """
    y = gelu(linear(hidden, dtype=dtype, name=f"{name}.fc1")(x))
    return linear(features or x.shape[-1], dtype=dtype, name=f"{name}.fc2")(y)


def norm(x: Float[Array, "*n d"], *, dtype: DTypeLike, name: str) -> Float[Array, "*n d"]:
    """Applies LayerNorm with 1e-6."""
    return layer_norm(x, epsilon=EPSILON, dtype=dtype, name=name)


def drop_path(rate: float, *, axes: int = 1, ndim: int = 3, train: bool) -> nn.Dropout:
    """Returns stochastic depth: what a block adds is left out as a whole, else divided by 1 - rate.

    Args:
        rate: how often.
        axes: leading axes along which it is drawn anew: 1 for each clip.
        ndim: axes of what it is applied to.
        train: whether it acts.
    """
    return nn.Dropout(rate, broadcast_dims=tuple(range(axes, ndim)), deterministic=not train)


class Block(nn.Module):
    """x + attention(norm1 x), then x + MLP(norm2 x).

    Attributes:
        num_heads: attention heads.
        bias: of the attention, see `Attention`.
        drop_path: rate of stochastic depth in training, drawn for each row of the batch.
        dtype: type of the computation.
    """

    num_heads: int
    bias: Literal["qv", "qkv", "none"] = "qv"
    drop_path: float = 0.0
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b n d"], *, train: bool = False) -> Float[Array, "b n d"]:
        """Returns the tokens after attention and MLP; `train` switches stochastic depth on."""
        drop = drop_path(self.drop_path, train=train)
        attention = Attention(self.num_heads, self.bias, fused=True, dtype=self.dtype, name="attn")
        x = x + drop(attention(norm(x, dtype=self.dtype, name="norm1")))
        y = norm(x, dtype=self.dtype, name="norm2")
        return x + drop(mlp(y, 4 * x.shape[-1], dtype=self.dtype))


class PatchEmbedding(nn.Module):
    """A convolution whose kernel and stride are one patch, as one matrix product.

    Attributes:
        features: width of a token.
        patch: sides of a patch: (height, width) of pictures, (frames, height, width) of clips.
        use_bias: whether there is a bias.
        dtype: type of the computation.
    """

    features: int
    patch: tuple[int, ...]
    use_bias: bool = True
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b *s c"]) -> Float[Array, "b *p d"]:
        """Returns the tokens in the grid that they are of.

        Raises:
            UserError: if the sides are not whole numbers of patches.
        """
        sides, channels = x.shape[1:-1], x.shape[-1]
        if any(side % p for side, p in zip(sides, self.patch, strict=True)):
            raise UserError(f"the model cuts {sides} into patches of {self.patch}; use multiples")
        grid = tuple(side // p for side, p in zip(sides, self.patch, strict=True))
        places = [n for pair in zip(grid, self.patch, strict=True) for n in pair]
        count = len(grid)
        axes = (0, *range(1, 2 * count, 2), *range(2, 2 * count + 1, 2), 2 * count + 1)
        x = x.reshape(x.shape[0], *places, channels).transpose(axes)
        x = x.reshape(x.shape[0], *grid, -1).astype(self.dtype)
        shape = (*self.patch, channels, self.features)
        kernel = self.param("kernel", uniform_fan_in, shape, jnp.float32)
        kernel = kernel.reshape(-1, self.features).astype(self.dtype)
        y = as_dot_general(x, kernel)
        if not self.use_bias:
            return y
        bias = self.param("bias", uniform(kernel.shape[0] ** -0.5), (self.features,), jnp.float32)
        return y + jnp.broadcast_to(bias, y.shape).astype(y.dtype)
