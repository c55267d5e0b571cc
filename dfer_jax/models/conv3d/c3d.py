"""C3D: eight convolutions of 3x3x3 and three linear layers, with BatchNorm as the DFEW code has it.

D. Tran, L. Bourdev, R. Fergus, L. Torresani, M. Paluri, "Learning Spatiotemporal Features with 3D
Convolutional Networks", ICCV 2015; X. Jiang et al., "DFEW: A Large-Scale Database for Recognizing
Dynamic Facial Expressions in the Wild", ACM MM 2020, whose names of layers it has.

Input: float32 [b, t, h, w, 3], RGB in [0, 1]; 16 frames of 112x112, which the first linear layer
is made for. 38.55 GMAC per clip.

Deviates: the order of a flattened map is (c, t, h, w), that of the published weights.
"""

from typing import ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from dfer_jax.models.clip_network import ClipNetwork, Output
from dfer_jax.models.layers import dense, kaiming_fan_in, uniform, uniform_fan_in
from dfer_jax.ops.pooling_3d import max_pool_3d

_LAYERS = (  # name, channels as multiples of the width, window of the pool behind it
    ("1", 1, (1, 2, 2)),
    ("2", 2, (2, 2, 2)),
    ("3a", 4, None),
    ("3b", 4, (2, 2, 2)),
    ("4a", 8, None),
    ("4b", 8, (2, 2, 2)),
    ("5a", 8, None),
    ("5b", 8, (2, 2, 2)),
)
_LAST_PADDING = ((0, 0), (1, 1), (1, 1))


class C3D(ClipNetwork):
    """78,029,959 parameters.

    Attributes:
        dropout: rate behind each of the two hidden linear layers; above 0, training needs a key,
            `rngs={"dropout": key}`.
    """

    dropout: float = 0.5

    classifier: ClassVar[str] = "fc8"

    @nn.compact
    def __call__(self, clips: Float[Array, "b t h w 3"], *, train: bool) -> Output:
        """Classifies clips; see `clip_network.Output`; `features` are behind the second dropout.

        Raises:
            UserError: if an attribute or the shape of `clips` does not fit.
        """
        x = self._prepare(clips)
        for name, factor, window in _LAYERS:
            x = self._conv(
                x,
                factor * self.width,
                f"conv{name}",
                f"bn{name}",
                relu=True,
                kernel_init=uniform_fan_in,
                bias_init=uniform((27 * x.shape[-1]) ** -0.5),
                train=train,
            )
            if window:
                padding = _LAST_PADDING if name == "5b" else ((0, 0),) * 3
                x = max_pool_3d(x, window=window, stride=window, padding=padding)
        x = jnp.moveaxis(x, -1, 1).reshape(x.shape[0], -1)
        drop = nn.Dropout(self.dropout, deterministic=not train)
        for name in ("fc6", "fc7"):
            options = {"kernel_init": kaiming_fan_in, "dtype": self.dtype, "name": name}
            x = drop(nn.relu(dense(64 * self.width, fan_in=x.shape[-1], **options)(x)))
        return self._classify(x, kernel_init=kaiming_fan_in)
