"""Bidirectional LSTM, both directions in one loop over the frames."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from dfer_jax.models.layers import uniform


class BidirectionalLSTM(nn.Module):
    """One LSTM layer in both directions, each gate with an input and a recurrent bias.

    i, f, g, o = W_i x + b_i + W_h h + b_h; c' = s(f) c + s(i) tanh(g), h' = s(o) tanh(c'); h and c
    are 0 at the start (S. Hochreiter, J. Schmidhuber, 1997, with the forget gate of F. Gers et al.,
    2000). Gates lie in the order i, f, g, o in the last axis; the first axis of every parameter is
    the direction, forward and backward. Initial values are uniform in +-1/sqrt(hidden). Order,
    biases and initial values are PyTorch's.

    Attributes:
        hidden: width of the state in each direction.
        dtype: type of the matrix products; gates and state are float32.
    """

    hidden: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b t d"]) -> Float[Array, "b t e"]:
        """Returns the states, forward beside backward, float32 [b, t, 2 * hidden]."""
        size, init = 4 * self.hidden, uniform(self.hidden**-0.5)
        wx = self.param("input_kernel", init, (2, x.shape[-1], size), jnp.float32)
        bx = self.param("input_bias", init, (2, size), jnp.float32)
        wh = self.param("hidden_kernel", init, (2, self.hidden, size), jnp.float32)
        bh = self.param("hidden_bias", init, (2, size), jnp.float32)
        both = jnp.stack([x, x[:, ::-1]]).astype(self.dtype)  # [2, b, t, d]
        inputs = self._product("sbtd,sde->tsbe", both, wx) + (bx + bh)[None, :, None]

        def step(carry: tuple[Array, Array], inputs: Array) -> tuple[tuple[Array, Array], Array]:
            state, cell = carry
            gates = inputs + self._product("sbd,sde->sbe", state.astype(self.dtype), wh)
            i, f, g, o = jnp.split(gates, 4, axis=-1)
            cell = nn.sigmoid(f) * cell + nn.sigmoid(i) * jnp.tanh(g)
            state = nn.sigmoid(o) * jnp.tanh(cell)
            return (state, cell), state

        zeros = jnp.zeros((2, x.shape[0], self.hidden), jnp.float32)
        _, states = jax.lax.scan(step, (zeros, zeros), inputs)  # [t, 2, b, e]
        states = jnp.concatenate([states[:, 0], states[::-1, 1]], axis=-1)  # [t, b, 2e]
        return states.swapaxes(0, 1)

    def _product(self, axes: str, x: Array, kernel: Array) -> Array:
        # Widened after the product: XLA's CPU backend has no such bfloat16 product into float32.
        return jnp.einsum(axes, x, kernel.astype(self.dtype)).astype(jnp.float32)
