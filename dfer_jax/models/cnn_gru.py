"""CNN-GRU: frozen ResNet-50 features of a window of frames, read in both directions by a GRU.

"Spatial and Temporal Networks for Facial Expression Recognition in the Wild Videos", arXiv
2107.05160 (ABAW 2021), model (b): 9 frames in training, every one labelled; at test the window is
centred on a frame and the middle output is used.

Deviates: two layers, the paper's "depth 2", where the released code has one (`ABAW2021_CODE`).
"""

from collections.abc import Mapping
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from dfer_jax.models.layers import dense, uniform
from dfer_jax.models.resnet50 import BACKBONE, FrameModel

ABAW2021_CODE = {"num_layers": 1, "normalisation": "abaw2021_code"}
"""Arguments of the network as the released code has it."""


class BidirectionalGRU(nn.Module):
    """One GRU layer in both directions, each gate with an input and a recurrent bias.

    r = s(W_ir x + b_ir + W_hr h + b_hr), z alike, n = tanh(W_in x + b_in + r (W_hn h + b_hn)),
    h' = (1 - z) n + z h, h = 0 at the start. Gates lie in the order r, z, n in the last axis; the
    first axis of every parameter is the direction, forward and backward. Initial values are uniform
    in +-1/sqrt(hidden), as in PyTorch.

    Attributes:
        hidden: width of the state in each direction.
        dtype: type of the matrix products; gates and state are float32.
    """

    hidden: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b t d"]) -> Float[Array, "b t e"]:
        """Returns the states, forward beside backward, float32 [b, t, 2 * hidden]."""
        size, init = 3 * self.hidden, uniform(self.hidden**-0.5)
        wx = self.param("input_kernel", init, (2, x.shape[-1], size), jnp.float32)
        bx = self.param("input_bias", init, (2, size), jnp.float32)
        wh = self.param("hidden_kernel", init, (2, self.hidden, size), jnp.float32)
        bh = self.param("hidden_bias", init, (2, size), jnp.float32)
        both = jnp.stack([x, x[:, ::-1]]).astype(self.dtype)  # [2, b, t, d]
        inputs = self._product("sbtd,sde->tsbe", both, wx) + bx[None, :, None]

        def step(state: Array, inputs: Array) -> tuple[Array, Array]:
            recurrent = self._product("sbd,sde->sbe", state.astype(self.dtype), wh) + bh[:, None]
            xr, xz, xn = jnp.split(inputs, 3, axis=-1)
            hr, hz, hn = jnp.split(recurrent, 3, axis=-1)
            r, z = nn.sigmoid(xr + hr), nn.sigmoid(xz + hz)
            state = (1 - z) * jnp.tanh(xn + r * hn) + z * state
            return state, state

        start = jnp.zeros((2, x.shape[0], self.hidden), jnp.float32)
        _, states = jax.lax.scan(step, start, inputs)  # [t, 2, b, e]
        states = jnp.concatenate([states[:, 0], states[::-1, 1]], axis=-1)  # [t, b, 2e]
        return states.swapaxes(0, 1)

    def _product(self, axes: str, x: Array, kernel: Array) -> Array:
        # Widened after the product: XLA's CPU backend has no such bfloat16 product into float32.
        return jnp.einsum(axes, x, kernel.astype(self.dtype)).astype(jnp.float32)


class CNNGRU(FrameModel):
    """The network; 4.23 million trained parameters with one layer, 6.89 million with two.

    Attributes:
        token_width: width of the projection of the backbone's features.
        hidden: width of the GRU's state in each direction.
        num_layers: GRU layers, no dropout between them.
    """

    token_width: int = 768
    hidden: int = 384
    num_layers: int = 2

    frozen: ClassVar[tuple[str, ...]] = (BACKBONE,)

    @nn.compact
    def __call__(
        self, x: Float[Array, "b t h w 3"] | Float[Array, "b t d"], *, train: bool
    ) -> tuple[Float[Array, "b t k"], Mapping[str, Array | Mapping[str, Array]]]:
        """Classifies every frame of a window.

        Args:
            x: frames [b, t, h, w, 3], RGB in [0, 1], at least 32x32, or their features [b, t, d].
            train: changes nothing: the backbone is frozen and the rest has no other mode.

        Returns:
            Logits [b, t, k], float32, and `out`: `frame_features` [b, t, d] of the backbone,
            `features` [b, t, 2 * hidden], what the classifier sees, `aux_logits`, empty.

        Raises:
            UserError: if the shape of `x` or an attribute does not fit.
        """
        frame_features = self._features(x, train=train)
        fan_in = frame_features.shape[-1]
        project = dense(self.token_width, fan_in=fan_in, dtype=self.dtype, name="projection")
        y = nn.relu(project(frame_features))  # [b, t, token_width]
        for i in range(self.num_layers):
            y = BidirectionalGRU(self.hidden, dtype=self.dtype, name=f"gru{i}")(y)
        features = nn.relu(y)
        out = {"frame_features": frame_features, "features": features, "aux_logits": {}}
        return self._classify(features), out
