"""Layers of transformers with the names of Former-DFER's code and its successors."""

from collections.abc import Callable

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from dfer_jax.models.layers import VIT_NAMES, TransformerLayer


def transformer(
    *, depth: int, num_heads: int, head_dim: int, mlp_dim: int, name: str, dtype: DTypeLike
) -> Callable[[Float[Array, "b n d"]], Float[Array, "b n d"]]:
    """Returns what gives tokens behind pre-norm layers with tanh-GELU, the same at every call.

    Args:
        depth: layers.
        num_heads: attention heads.
        head_dim: width of a head.
        mlp_dim: hidden width of the MLP.
        name: of the transformer in the parameter tree.
        dtype: type of the computation.
    """
    options = {"names": VIT_NAMES, "dtype": dtype}
    return nn.Sequential(
        [
            TransformerLayer(num_heads, head_dim, mlp_dim, name=f"{name}.layers.{i}", **options)
            for i in range(depth)
        ]
    )


class Learned(nn.Module):
    """Learned vectors below the published name of the module that has them.

    Attributes:
        shapes: (name, shape) of each; initial values are normal with standard deviation 1.
    """

    shapes: tuple[tuple[str, tuple[int, int, int]], ...]

    @nn.compact
    def __call__(self) -> list[Float[Array, "1 n d"]]:
        """Returns them in their order, float32."""
        init = nn.initializers.normal(1.0)
        return [self.param(name, init, shape, jnp.float32) for name, shape in self.shapes]


def add(x: Float[Array, "b n d"], positions: Float[Array, "1 m d"]) -> Float[Array, "b n d"]:
    """Returns the tokens with the first of these positions added."""
    return x + jnp.broadcast_to(positions[:, : x.shape[1]], x.shape).astype(x.dtype)
