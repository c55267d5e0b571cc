"""The 3D ResNet-18 that tables of DFER call "3D ResNet18": a stem of 7x7x7 and a max-pool.

K. Hara, H. Kataoka, Y. Satoh, "Can Spatiotemporal 3D CNNs Retrace the History of 2D CNNs and
ImageNet?", CVPR 2018; github.com/kenshohara/3D-ResNets-PyTorch at commit 540a0ea (MIT), whose
weights and names it takes.

Input: float32 [b, t, h, w, 3], RGB in [0, 1]; 16 frames of 112x112. Time is halved by the pool and
in layers 2 to 4. 8.31 GMAC per clip.

Deviates: gradients flow through the shortcuts of form `a` too; in the released code none do, by an
oversight (it takes the raw data of the tensors). Outputs are the same.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from dfer_jax.models.clip_network import ClipNetwork, Output, global_mean
from dfer_jax.ops.pooling_3d import max_pool_3d


class HaraResNet18(ClipNetwork):
    """What the two have in common.

    Attributes:
        shortcut: `a` or `b`.
    """

    shortcut: ClassVar[str]
    pretrained: ClassVar[Mapping[int, str]] = MappingProxyType(
        {700: "kinetics_hara", 1039: "kinetics_hara"}
    )

    @nn.compact
    def __call__(self, clips: Float[Array, "b t h w 3"], *, train: bool) -> Output:
        """Classifies clips; see `clip_network.Output`.

        Raises:
            UserError: if the width or the shape of `clips` does not fit.
        """
        options = {"kernel": (7, 7, 7), "stride": (1, 2, 2), "relu": True, "train": train}
        x = self._conv(self._prepare(clips), self.width, "conv1", "bn1", **options)
        x = max_pool_3d(x, window=(3, 3, 3), stride=(2, 2, 2), padding=((1, 1),) * 3)
        for stage in range(4):
            for block in range(2):
                stride = 2 if stage and not block else 1
                name = f"layer{stage + 1}.{block}"
                x = self._block(x, self.width << stage, name, stride=stride, train=train)
        return self._classify(global_mean(x))

    def _block(
        self, x: Float[Array, "b t h w c"], features: int, name: str, *, stride: int, train: bool
    ) -> Float[Array, "b r p q d"]:
        """Two convolutions added to the shortcut."""
        strides = (stride,) * 3
        options = {"stride": strides, "relu": True, "train": train}
        y = self._conv(x, features, f"{name}.conv1", f"{name}.bn1", **options)
        y = self._conv(y, features, f"{name}.conv2", f"{name}.bn2", train=train)
        if stride != 1 and self.shortcut == "a":
            missing = features - x.shape[-1]
            x = jnp.pad(x[:, ::2, ::2, ::2], ((0, 0),) * 4 + ((0, missing),))
        elif stride != 1:
            options = {"kernel": (1, 1, 1), "stride": strides, "train": train}
            x = self._conv(x, features, f"{name}.downsample.0", f"{name}.downsample.1", **options)
        return nn.relu(y + x)


class HaraResNet18A(HaraResNet18):
    """Where the shape changes, every second place and channels of zeros; 33,033,671 parameters."""

    shortcut: ClassVar[str] = "a"


class HaraResNet18B(HaraResNet18):
    """Where the shape changes, a convolution of 1x1x1; 33,207,495 parameters."""

    shortcut: ClassVar[str] = "b"
