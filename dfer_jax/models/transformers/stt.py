"""STT, a reconstruction: attention over the places of a frame and over frames, block by block.

F. Ma, B. Sun, S. Li, "Spatio-Temporal Transformer for Dynamic Facial Expression Recognition in the
Wild", arXiv 2205.04749, 2022. No code is public. Known: a CNN turns each frame into a sequence of
tokens, and every block applies spatial and temporal attention together. Depth, width, heads, the
CNN and how tokens become a clip's feature are not known to us and are ours: ResNet-18 up to its
third stage, 7x7 tokens of 256 a frame with learned positions of place and of frame, four blocks of
a layer over places and a layer over frames, the mean of all tokens.

Input: float32 [b, t, h, w, 3], RGB in [0, 1], no mean or standard deviation removed; 16 frames of
112x112.
"""

import functools

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from dfer_jax.models import frame_resnet
from dfer_jax.models.clip_network import ClipNetwork, Output
from dfer_jax.models.layers import TransformerLayer, layer_norm
from dfer_jax.models.transformers.layers import Learned


class STT(ClipNetwork):
    """A reconstruction; 7,012,423 parameters, 9.00 GMAC a clip.

    Attributes:
        depth: blocks of a spatial and a temporal layer.
    """

    depth: int = 4

    @nn.compact
    def __call__(self, clips: Float[Array, "b t h w 3"], *, train: bool) -> Output:
        """Classifies clips; see `clip_network.Output`.

        Raises:
            UserError: if the width or the shape of `clips` does not fit.
        """
        conv = functools.partial(self._conv, train=train)
        x = frame_resnet.stem(self._prepare(clips), self.width, conv, prefix="cnn.")
        x = frame_resnet.stages(x, self.width, conv, prefix="cnn.", which=(1, 2, 3))
        b, t, _, _, d = x.shape
        x = x.reshape(b, t, -1, d)
        places = ("place_embedding", (1, x.shape[2], d))
        place, frame = Learned((places, ("frame_embedding", (1, t, d))), name="tokens")()
        x = x + (place[:, None] + frame[:, :, None]).astype(x.dtype)
        for block in range(self.depth):
            x = self._attend(x, block=block, kind="spatial")
            x = self._attend(x.swapaxes(1, 2), block=block, kind="temporal").swapaxes(1, 2)
        x = layer_norm(x, epsilon=1e-5, dtype=jnp.float32, name="norm")
        return self._classify(x.mean(axis=(1, 2)))

    def _attend(
        self, x: Float[Array, "b m n d"], *, block: int, kind: str
    ) -> Float[Array, "b m n d"]:
        """One pre-norm layer over the last axis of tokens."""
        b, m, n, d = x.shape
        options = {"dtype": self.dtype, "name": f"blocks.{block}.{kind}"}
        layer = TransformerLayer(8, d // 8, 2 * d, **options)
        return layer(x.reshape(b * m, n, d)).reshape(x.shape)
