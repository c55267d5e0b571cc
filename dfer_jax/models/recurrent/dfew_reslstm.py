"""The "reslstm" of the DFEW code: a ResNet of bottlenecks on every frame and three layers of LSTM.

X. Jiang et al., "DFEW: A Large-Scale Database for Recognizing Dynamic Facial Expressions in the
Wild", ACM MM 2020; github.com/jiangxingxun/DFEW at commit 7c1ba78 calls it ResNet18+LSTM. It has
two blocks in each of four layers, but bottlenecks, their stride on the first 1x1; the max-pool has
no padding but ceil mode. The states of all frames side by side go to the classifier.

Input: float32 [b, t, h, w, 3], RGB in [0, 1]; 16 frames of 112x112, whose number the classifier is
made for. 9.12 GMAC per clip.

Deviates: the last pool is the mean over the whole map, the same as its window of 4x4 at 112x112.
"""

import functools
from typing import ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from dfer_jax.models.clip_network import ClipNetwork, Output
from dfer_jax.models.layers import kaiming_fan_in
from dfer_jax.models.recurrent.layers import LSTM
from dfer_jax.ops.pooling_3d import max_pool_3d


class DFEWResLSTM(ClipNetwork):
    """17,388,871 parameters."""

    classifier: ClassVar[str] = "output"

    @nn.compact
    def __call__(self, clips: Float[Array, "b t h w 3"], *, train: bool) -> Output:
        """Classifies clips; see `clip_network.Output`.

        Raises:
            UserError: if the width or the shape of `clips` does not fit.
        """
        conv = functools.partial(self._conv, train=train, kernel_init=kaiming_fan_in)
        options = {"kernel": (7, 7), "stride": (1, 2, 2), "relu": True}
        x = conv(self._prepare(clips), self.width, "conv1", "bn1", **options)
        behind = tuple((0, (size + 1) % 2) for size in x.shape[2:4])  # ceil mode
        x = max_pool_3d(x, window=(1, 3, 3), stride=(1, 2, 2), padding=((0, 0), *behind))
        for stage in range(4):
            for block in range(2):
                stride = 2 if stage and not block else 1
                x = _bottleneck(
                    x, self.width << stage, f"layer{stage + 1}.{block}", conv, stride=stride
                )
        x = x.astype(jnp.float32).mean(axis=(2, 3))
        x = LSTM(4 * self.width, num_layers=3, dtype=self.dtype, name="LSTM")(x)
        return self._classify(x.reshape(x.shape[0], -1), kernel_init=kaiming_fan_in)


def _bottleneck(
    x: Float[Array, "b t h w c"], planes: int, name: str, conv: functools.partial, *, stride: int
) -> Float[Array, "b t p q d"]:
    """1x1, 3x3, 1x1 to four times the planes, added to the shortcut."""
    first = {"kernel": (1, 1), "stride": (1, stride, stride)}
    y = conv(x, planes, f"{name}.conv1", f"{name}.bn1", relu=True, **first)
    y = conv(y, planes, f"{name}.conv2", f"{name}.bn2", kernel=(3, 3), relu=True)
    y = conv(y, 4 * planes, f"{name}.conv3", f"{name}.bn3", kernel=(1, 1))
    if name.endswith(".0"):
        x = conv(x, 4 * planes, f"{name}.downsample.0", f"{name}.downsample.1", **first)
    return nn.relu(y + x)
