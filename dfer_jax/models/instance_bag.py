"""From a bag of instance vectors in temporal order to one decision: the head of RDFER's networks.

Both networks of RDFER (F. Liu, H. Wang, S. Shen, arXiv 2502.16129) end in it, as their authors'
public code shows: a BiLSTM over the instances, a gate by self-attention, one linear classifier for
the instances and for the bag, which a convolution makes of them.
"""

from typing import NamedTuple

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from dfer_jax.errors import UserError
from dfer_jax.models.layers import dense, layer_norm, uniform
from dfer_jax.models.lstm import BidirectionalLSTM

NUM_HEADS = 8
"""Heads of the attention gate."""

_KERNEL = 3
_NUM_LAYERS = 2


class AttentionGate(nn.Module):
    """Multiplies each instance by a gate made of what attention to all of them finds.

    a = softmax(Q K^T / sqrt(e)) V with 8 heads of e = d / 8, one bias-free product for Q, K and V
    and none after it; the output is x * sigmoid(LayerNorm(a)). Softmax, normalisation and gate are
    float32.

    Attributes:
        dtype: type of the matrix products.
    """

    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b n d"]) -> Float[Array, "b n d"]:
        """Returns the gated instances, in the type of `x`; d is a multiple of 8."""
        b, n, d = x.shape
        project = dense(3 * d, fan_in=d, use_bias=False, dtype=self.dtype, name="qkv")
        qkv = project(x).reshape(b, n, 3, NUM_HEADS, d // NUM_HEADS)  # [b, n, 3, g, e]
        q, k, v = qkv[:, :, 0], qkv[:, :, 1], qkv[:, :, 2]
        scores = jnp.einsum("bqge,bkge->bgqk", q, k).astype(jnp.float32)
        weights = nn.softmax(scores * (d // NUM_HEADS) ** -0.5, axis=-1).astype(v.dtype)
        found = jnp.einsum("bgqk,bkge->bqge", weights, v).reshape(b, n, d)
        normed = layer_norm(found, epsilon=1e-5, dtype=jnp.float32, name="norm")
        return x * nn.sigmoid(normed).astype(x.dtype)


class Bag(NamedTuple):
    """What the head makes of n instances.

    Attributes:
        features: float32 [b, d], d = 2 * hidden, what the classifier sees.
        logits: float32 [b, k].
        instance_logits: float32 [b, n, k], of the same classifier.
    """

    features: Float[Array, "b d"]
    logits: Float[Array, "b k"]
    instance_logits: Float[Array, "b n k"]


class InstanceBag(nn.Module):
    """The head.

    The bag's features are a convolution (kernel 3, padding 1) along the features, with the
    instances as its channels: the number of instances is part of its shape.

    Attributes:
        num_classes: outputs k.
        hidden: width of the LSTM's state in each direction, a multiple of 4.
        dtype: type of the matrix products; state, softmax, features and logits are float32.
    """

    num_classes: int
    hidden: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, instances: Float[Array, "b n c"], context: Float[Array, "b d"] | None = None
    ) -> Bag:
        """Decides on the instances one by one and together.

        Args:
            instances: [b, n, c], in temporal order.
            context: [b, d], factor of every instance after the LSTM, d = 2 * hidden.

        Raises:
            UserError: if `hidden` is not a multiple of 4.
        """
        if self.hidden < 1 or 2 * self.hidden % NUM_HEADS:
            raise UserError(f"model hidden is {self.hidden}; it must be a multiple of 4")
        x = instances
        for i in range(_NUM_LAYERS):
            x = BidirectionalLSTM(self.hidden, dtype=self.dtype, name=f"lstm{i}")(x)
        if context is not None:
            x = x * jnp.broadcast_to(context[:, None], x.shape)
        x = AttentionGate(dtype=self.dtype, name="attention")(x)  # [b, n, d], float32
        features = self._mix(x)
        classify = dense(self.num_classes, fan_in=x.shape[-1], name="classifier")
        return Bag(features, classify(features), classify(x))

    def _mix(self, x: Float[Array, "b n d"]) -> Float[Array, "b d"]:
        init = uniform((_KERNEL * x.shape[1]) ** -0.5)
        mix = nn.Conv(1, (_KERNEL,), padding=1, kernel_init=init, bias_init=init, name="mix")
        return mix(x.swapaxes(1, 2))[..., 0]
