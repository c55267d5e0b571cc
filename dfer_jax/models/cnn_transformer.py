"""CNN-Transformer: frozen ResNet-50 features of a window of frames, mixed by a transformer encoder.

"Spatial and Temporal Networks for Facial Expression Recognition in the Wild Videos", arXiv
2107.05160 (ABAW 2021), model (c): 9 frames in training, every one labelled; at test the window is
centred on a frame and the middle output is used.

Deviates: a frame's position is its index in the window. In the released code it is the index of
the window in the batch, the same for all its frames: there the order of the frames is unknown to
the network, and a prediction depends on what else is in the batch. Dropout is 0.1 by default, 0.5
in the code (`ABAW2021_CODE`).
"""

from collections.abc import Mapping
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Float, Float32

from dfer_jax.errors import UserError
from dfer_jax.models.layers import TransformerLayer, dense, layer_norm
from dfer_jax.models.resnet50 import BACKBONE, FrameModel

ABAW2021_CODE = {"dropout": 0.5, "normalisation": "abaw2021_code"}
"""Arguments of the network as the released code has it, but for the positions."""

_EPSILON = 1e-6


def sinusoid(length: int, width: int) -> Float32[np.ndarray, "t d"]:
    """Returns positions: sin(t * 10000^(-2k/d)) in column 2k, the cosine in column 2k + 1.

    A. Vaswani et al., "Attention is all you need", NeurIPS 2017, section 3.5.

    Args:
        length: number of positions t = 0, 1, ...
        width: d, even.
    """
    angles = np.arange(length)[:, None] * 10000.0 ** (-np.arange(0, width, 2) / width)
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(length, width).astype("f4")


class CNNTransformer(FrameModel):
    """The network; 15.76 million trained parameters.

    Attributes:
        token_width: width of the tokens.
        num_heads: attention heads (12; the released script says 4, which its code never reads).
        num_layers: encoder blocks; the MLP is four tokens wide.
        dropout: rate after the positions, the attention and both layers of the MLP; above 0,
            training needs a key, `rngs={"dropout": key}`.
    """

    token_width: int = 768
    num_heads: int = 12
    num_layers: int = 2
    dropout: float = 0.1

    frozen: ClassVar[tuple[str, ...]] = (BACKBONE,)

    @nn.compact
    def __call__(
        self, x: Float[Array, "b t h w 3"] | Float[Array, "b t d"], *, train: bool
    ) -> tuple[Float[Array, "b t k"], Mapping[str, Array | Mapping[str, Array]]]:
        """Classifies every frame of a window.

        Args:
            x: frames [b, t, h, w, 3], RGB in [0, 1], at least 32x32, or their features [b, t, d].
            train: whether dropout acts; the backbone is frozen.

        Returns:
            Logits [b, t, k], float32, and `out`: `frame_features` [b, t, d] of the backbone,
            `features` [b, t, token_width], what the classifier sees, `aux_logits`, empty.

        Raises:
            UserError: if the shape of `x` or an attribute does not fit.
        """
        if self.token_width % (2 * self.num_heads):
            raise UserError(
                f"model token_width is {self.token_width}; it must be a multiple of "
                f"2 * num_heads = {2 * self.num_heads}"
            )
        frame_features = self._features(x, train=train)
        fan_in = frame_features.shape[-1]
        project = dense(self.token_width, fan_in=fan_in, dtype=self.dtype, name="projection")
        y = project(frame_features)  # [b, t, token_width]
        positions = jnp.asarray(sinusoid(*y.shape[1:]), y.dtype)
        y = y + positions[None]
        y = nn.Dropout(self.dropout, deterministic=not train)(y)
        for i in range(self.num_layers):
            y = self._block(f"block{i}")(y, train=train)
        features = layer_norm(y, epsilon=_EPSILON, dtype=jnp.float32, name="norm")
        out = {"frame_features": frame_features, "features": features, "aux_logits": {}}
        return self._classify(features), out

    def _block(self, name: str) -> TransformerLayer:
        return TransformerLayer(
            num_heads=self.num_heads,
            head_dim=self.token_width // self.num_heads,
            mlp_dim=4 * self.token_width,
            qkv_bias=True,
            gelu="erf",
            epsilon=_EPSILON,
            dropout=self.dropout,
            dtype=self.dtype,
            name=name,
        )
