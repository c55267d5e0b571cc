"""Blocks shared by the models: linear layers, LayerNorm, residual block, transformer layer.

Initial values are those PyTorch code gets without asking (linear layers) or by the ResNet recipe
(convolutions, `conv_norm.py`), because the published results were obtained with them. Parameters
are float32; `dtype` is the type of the computation. BatchNorm and LayerNorm statistics and every
softmax are float32 whatever `dtype` is.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from dfer_jax.ops.attention import attend
from dfer_jax.ops.conv_norm import conv_norm
from dfer_jax.ops.layer_norm import LayerNorm
from dfer_jax.ops.matrix_product import as_dot_general

uniform_fan_in = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")
"""Uniform in +-1/sqrt(fan_in)."""
kaiming_fan_in = nn.initializers.variance_scaling(2.0, "fan_in", "normal")
"""Normal with std = sqrt(2 / fan_in), not truncated."""


def uniform(bound: float) -> Initializer:
    """Returns an initialiser uniform in [-bound, bound]."""
    return lambda key, shape, dtype=jnp.float32: jax.random.uniform(
        key, shape, dtype, -bound, bound
    )


def dense(
    features: int,
    *,
    fan_in: int,
    use_bias: bool = True,
    dtype: DTypeLike = jnp.float32,
    kernel_init: Initializer = uniform_fan_in,
    name: str | None = None,
) -> nn.Dense:
    """Returns a linear layer with weight and bias uniform in +-1/sqrt(fan_in) (PyTorch's default).

    Args:
        features: output width.
        fan_in: input width, which sets the range of the bias.
        use_bias: whether there is a bias.
        dtype: type of the computation.
        kernel_init: initial values of the weight, where they are others.
        name: name in the parameter tree.
    """
    return nn.Dense(
        features,
        use_bias=use_bias,
        dtype=dtype,
        kernel_init=kernel_init,
        bias_init=uniform(fan_in**-0.5),
        dot_general=as_dot_general,
        name=name,
    )


def layer_norm(
    x: Float[Array, "*n d"], *, epsilon: float, dtype: DTypeLike, name: str | None = None
) -> Float[Array, "*n d"]:
    """Applies LayerNorm in float32, the variance as the mean squared deviation.

    Args:
        x: any leading axes, the normalised one last.
        epsilon: added to the variance.
        dtype: type of the result.
        name: name in the parameter tree.
    """
    return LayerNorm(epsilon, name=name)(x.astype(jnp.float32)).astype(dtype)


class BasicBlock(nn.Module):
    """ResNet basic block with an optional channel gate before the shortcut is added.

    Attributes:
        features: output channels.
        stride: stride of the first convolution and of the shortcut.
        gate: makes the gate module, called as `gate(name="gate")` inside the block; the module maps
            [n, h, w, c] to the gated map and a dict of intermediates.
        dtype: type of the computation.
        axis_name: device axis over which BatchNorm statistics are averaged.
    """

    features: int
    stride: int = 1
    gate: Callable[..., nn.Module] | None = None
    dtype: DTypeLike = jnp.float32
    axis_name: str | None = None

    @nn.compact
    def __call__(
        self, x: Float[Array, "n h w c"], *, train: bool
    ) -> tuple[Float[Array, "n i j d"], Mapping[str, Array]]:
        """Returns the block's output and the gate's intermediates (empty without a gate)."""
        shared = {"train": train, "dtype": self.dtype, "axis_name": self.axis_name}
        y = conv_norm(x, self.features, stride=self.stride, relu=True, name="conv1", **shared)
        y = conv_norm(y, self.features, name="conv2", **shared)
        out = {}
        if self.gate is not None:
            y, out = self.gate(name="gate")(y)
        if self.stride != 1 or x.shape[-1] != self.features:
            options = {"kernel": 1, "stride": self.stride, "name": "shortcut_conv"}
            x = conv_norm(x, self.features, **options, **shared)
        return nn.relu(y + x), out


OWN_NAMES = ("norm1", "qkv", "attention_out", "norm2", "mlp_in", "mlp_out")
VIT_NAMES = (
    "0.fn.norm",
    "0.fn.fn.to_qkv",
    "0.fn.fn.to_out.0",
    "1.fn.norm",
    "1.fn.fn.net.0",
    "1.fn.fn.net.3",
)
"""Names that the parts of a transformer layer have in Former-DFER's code and its successors'."""

_GELUS = {
    "tanh": nn.gelu,
    "erf": functools.partial(nn.gelu, approximate=False),
    "quick": lambda x: x * nn.sigmoid(1.702 * x),
}


class TransformerLayer(nn.Module):
    """Pre-norm transformer layer: x + attention(LN(x)), then x + MLP(LN(x)).

    Attributes:
        num_heads: attention heads.
        head_dim: width of a head; the inner width `num_heads * head_dim` need not be that of the
            tokens.
        mlp_dim: hidden width of the MLP.
        qkv_bias: whether queries, keys and values have a bias.
        gelu: the GELU's form: `tanh`, `erf` (the exact one), or CLIP's `quick`.
        causal: whether a token attends only to itself and those before it.
        epsilon: added to the variance in both LayerNorms.
        dropout: rate after the attention and after each linear layer of the MLP, none on the
            attention weights; above 0, training needs a key, `rngs={"dropout": key}`.
        names: of LayerNorm, attention, its output, LayerNorm and the MLP's layers in the tree.
        dtype: type of the computation.
    """

    num_heads: int
    head_dim: int
    mlp_dim: int
    qkv_bias: bool = False
    gelu: Literal["tanh", "erf", "quick"] = "tanh"
    causal: bool = False
    epsilon: float = 1e-5
    dropout: float = 0.0
    names: Sequence[str] = OWN_NAMES
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b n d"], *, train: bool = False) -> Float[Array, "b n d"]:
        """Returns the tokens after attention and MLP; `train` switches dropout on."""
        width = x.shape[-1]
        drop = nn.Dropout(self.dropout, deterministic=not train)
        x = x + drop(self._attend(self._norm(x, name=self.names[0])))
        y = self._norm(x, name=self.names[3])
        y = dense(self.mlp_dim, fan_in=width, dtype=self.dtype, name=self.names[4])(y)
        y = drop(_GELUS[self.gelu](y))
        return x + drop(dense(width, fan_in=self.mlp_dim, dtype=self.dtype, name=self.names[5])(y))

    def _norm(self, x: Float[Array, "b n d"], *, name: str) -> Float[Array, "b n d"]:
        return layer_norm(x, epsilon=self.epsilon, dtype=self.dtype, name=name)

    def _attend(self, x: Float[Array, "b n d"]) -> Float[Array, "b n d"]:
        """Multi-head self-attention; the softmax is float32."""
        width = x.shape[-1]
        inner = self.num_heads * self.head_dim
        project = dense(
            3 * inner, fan_in=width, use_bias=self.qkv_bias, dtype=self.dtype, name=self.names[1]
        )
        y = attend(*jnp.split(project(x), 3, axis=-1), num_heads=self.num_heads, causal=self.causal)
        return dense(width, fan_in=inner, dtype=self.dtype, name=self.names[2])(y)
