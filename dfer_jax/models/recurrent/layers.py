"""LSTM and GRU in one direction or two, layers above each other, with PyTorch's parameters.

The products with the inputs of all frames are one matrix product before the loop; only the products
with the state are in it.
"""

from collections.abc import Callable
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from dfer_jax.models.layers import uniform


class Recurrent(nn.Module):
    """Layers of LSTM or GRU; names and layouts of the parameters are PyTorch's.

    A bias with the input and one with the state for every gate, none of them with 1 added; states
    are 0 at the start; initial values are uniform in +-1/sqrt(hidden).

    Attributes:
        hidden: width of the state in each direction.
        num_layers: layers, without dropout between them.
        bidirectional: whether each layer reads backwards too; the states are put side by side.
        dtype: type of the matrix products; gates and states are float32.
    """

    hidden: int
    num_layers: int = 1
    bidirectional: bool = False
    dtype: DTypeLike = jnp.float32

    gates: ClassVar[int]

    @nn.compact
    def __call__(self, x: Float[Array, "b t d"]) -> Float[Array, "b t e"]:
        """Returns the states of the upper layer, float32, e = hidden or 2 * hidden."""
        for layer in range(self.num_layers):
            states = self._read(x, f"l{layer}")
            if self.bidirectional:
                backward = self._read(x[:, ::-1], f"l{layer}_reverse")[:, ::-1]
                states = jnp.concatenate([states, backward], axis=-1)
            x = states
        return x

    def _read(self, x: Float[Array, "b t d"], suffix: str) -> Float[Array, "b t e"]:
        """Returns the states of one layer in one direction."""
        size, init = self.gates * self.hidden, uniform(self.hidden**-0.5)
        shapes = {"ih": (size, x.shape[-1]), "hh": (size, self.hidden)}
        weights = {
            key: self.param(f"weight_{key}_{suffix}", init, shape, jnp.float32)
            for key, shape in shapes.items()
        }
        biases = {
            key: self.param(f"bias_{key}_{suffix}", init, (size,), jnp.float32) for key in shapes
        }
        inputs = _add(self._product(x, weights["ih"]), biases["ih"]).swapaxes(0, 1)  # [t, b, g]

        def recurrent(state: Float[Array, "b e"]) -> Float[Array, "b g"]:
            return _add(self._product(state, weights["hh"]), biases["hh"])

        zeros = jnp.zeros((x.shape[0], self.hidden), jnp.float32)
        _, states = jax.lax.scan(self._step(recurrent), self._start(zeros), inputs)
        return states.swapaxes(0, 1)

    def _product(self, x: Array, weight: Float[Array, "g d"]) -> Array:
        # Widened after the product: XLA's CPU backend has no such bfloat16 product into float32.
        return (x.astype(self.dtype) @ weight.T.astype(self.dtype)).astype(jnp.float32)

    def _start(self, zeros: Array) -> Array | tuple[Array, Array]:
        raise NotImplementedError

    def _step(self, recurrent: Callable[[Array], Array]) -> Callable:
        raise NotImplementedError


class LSTM(Recurrent):
    """i, f, g, o = W_i x + b_i + W_h h + b_h; c' = s(f) c + s(i) tanh(g); h' = s(o) tanh(c')."""

    gates: ClassVar[int] = 4

    def _start(self, zeros: Array) -> tuple[Array, Array]:
        return zeros, zeros

    def _step(self, recurrent: Callable[[Array], Array]) -> Callable:
        def step(carry: tuple[Array, Array], inputs: Array) -> tuple[tuple[Array, Array], Array]:
            state, cell = carry
            i, f, g, o = jnp.split(inputs + recurrent(state), 4, axis=-1)
            cell = nn.sigmoid(f) * cell + nn.sigmoid(i) * jnp.tanh(g)
            state = nn.sigmoid(o) * jnp.tanh(cell)
            return (state, cell), state

        return step


class GRU(Recurrent):
    """r, z = s(W_i x + b_i + W_h h + b_h); n = tanh(W_i x + b_i + r (W_h h + b_h)).

    h' = (1 - z) n + z h: the reset gate acts behind the product with the state and its bias.
    """

    gates: ClassVar[int] = 3

    def _start(self, zeros: Array) -> Array:
        return zeros

    def _step(self, recurrent: Callable[[Array], Array]) -> Callable:
        def step(state: Array, inputs: Array) -> tuple[Array, Array]:
            xr, xz, xn = jnp.split(inputs, 3, axis=-1)
            hr, hz, hn = jnp.split(recurrent(state), 3, axis=-1)
            r, z = nn.sigmoid(xr + hr), nn.sigmoid(xz + hz)
            state = (1 - z) * jnp.tanh(xn + r * hn) + z * state
            return state, state

        return step


def _add(x: Float[Array, "*n d"], bias: Float[Array, " d"]) -> Float[Array, "*n d"]:
    return x + jnp.broadcast_to(bias, x.shape)
