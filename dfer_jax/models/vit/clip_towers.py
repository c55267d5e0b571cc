"""The two towers of CLIP ViT-B/32: pictures, and token embeddings of texts, to vectors.

A. Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML
2021; github.com/openai/CLIP (MIT), whose names the parameters have. QuickGELU, epsilon 1e-5.
"""

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int

from dfer_jax.models.layers import TransformerLayer, layer_norm
from dfer_jax.models.transformers.layers import add
from dfer_jax.models.vit.layers import PatchEmbedding

EMBEDDING = 512
"""Width of the vectors that pictures and texts share."""
PATCH = 32
"""Side of a patch in pixels."""
_HEAD = 64  # width of a head
_EPSILON = 1e-5
_NAMES = ("ln_1", "attn.in_proj", "attn.out_proj", "ln_2", "mlp.c_fc", "mlp.c_proj")


class VisualTower(nn.Module):
    """Pictures to vectors; 87,849,216 parameters at the published size.

    Attributes:
        width: of the tokens.
        depth: layers.
        dtype: type of the computation.
    """

    width: int = 768
    depth: int = 12
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, pictures: Float[Array, "n s s 3"]) -> Float[Array, "n 512"]:
        """Returns their vectors, float32, not normalised; sides are multiples of 32."""
        options = {"use_bias": False, "dtype": self.dtype, "name": "conv1"}
        tokens = PatchEmbedding(self.width, (PATCH, PATCH), **options)(pictures)
        tokens = tokens.reshape(tokens.shape[0], -1, self.width)
        normal = nn.initializers.normal(self.width**-0.5)
        first = self.param("class_embedding", normal, (self.width,), jnp.float32)
        first = jnp.broadcast_to(first, (tokens.shape[0], 1, self.width)).astype(self.dtype)
        x = jnp.concatenate([first, tokens], axis=1)
        shape = x.shape[1:]
        positions = self.param("positional_embedding", normal, shape, jnp.float32)
        x = layer_norm(add(x, positions[None]), epsilon=_EPSILON, dtype=self.dtype, name="ln_pre")
        x = _layers(self.depth, self.width, causal=False, dtype=self.dtype)(x)
        x = layer_norm(x[:, 0], epsilon=_EPSILON, dtype=self.dtype, name="ln_post")
        proj = self.param("proj", normal, (self.width, EMBEDDING), jnp.float32)
        return jnp.dot(x, proj.astype(self.dtype)).astype(jnp.float32)


class TextTower(nn.Module):
    """Token embeddings of texts to vectors.

    Attributes:
        width: of the tokens.
        depth: layers.
    """

    width: int = 512
    depth: int = 12

    @nn.compact
    def __call__(
        self, tokens: Float[Array, "k n d"], ends: Int[Array, " k"]
    ) -> Float[Array, "k 512"]:
        """Returns the vectors, not normalised, float32.

        Args:
            tokens: embeddings, without positions.
            ends: places of the end-of-text tokens, whose rows become the vectors.
        """
        normal = nn.initializers.normal(0.01)
        shape = tokens.shape[1:]
        positions = self.param("positional_embedding", normal, shape, jnp.float32)
        x = add(tokens, positions[None])
        x = _layers(self.depth, self.width, causal=True, dtype=jnp.float32)(x)
        x = layer_norm(x, epsilon=_EPSILON, dtype=jnp.float32, name="ln_final")
        x = jnp.take_along_axis(x, ends[:, None, None], axis=1)[:, 0]
        shape = (self.width, EMBEDDING)
        return jnp.dot(x, self.param("text_projection", normal, shape, jnp.float32))


def _layers(depth: int, width: int, *, causal: bool, dtype: DTypeLike) -> nn.Sequential:
    return nn.Sequential(
        [
            TransformerLayer(
                num_heads=width // _HEAD,
                head_dim=_HEAD,
                mlp_dim=4 * width,
                qkv_bias=True,
                gelu="quick",
                causal=causal,
                epsilon=_EPSILON,
                names=_NAMES,
                dtype=dtype,
                name=f"transformer.resblocks.{i}",
            )
            for i in range(depth)
        ]
    )
