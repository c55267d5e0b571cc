"""A network of one residual block and an LSTM, for tests of what surrounds a network.

Its parts are those of `resnet18_lstm`: BatchNorm, shortcut, recurrence.
"""

import functools

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from dfer_jax import models
from dfer_jax.models import frame_resnet
from dfer_jax.models.clip_network import ClipNetwork, Output
from dfer_jax.models.recurrent.layers import LSTM

NAME = "tiny_resnet_lstm"


class TinyResNetLSTM(ClipNetwork):
    @nn.compact
    def __call__(self, clips: Float[Array, "b t h w 3"], *, train: bool) -> Output:
        conv = functools.partial(self._conv, train=train)
        x = frame_resnet.stem(self._prepare(clips), self.width, conv)
        x = frame_resnet.basic_block(x, 2 * self.width, "layer1.0", conv, stride=2)
        frames = x.astype(jnp.float32).mean(axis=(2, 3))
        features = LSTM(2 * self.width, dtype=self.dtype, name="rnn")(frames)[:, -1]
        logits, out = self._classify(features)
        return logits, {"frame_features": frames, **out}


def register() -> str:
    """Returns the name under which configs and checkpoints of this process find the network."""
    models.MODELS[NAME] = TinyResNetLSTM
    return NAME
