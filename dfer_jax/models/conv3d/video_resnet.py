"""The three video ResNets of depth 18: R3D, MC3 and R(2+1)D.

D. Tran, H. Wang, L. Torresani, J. Ray, Y. LeCun, M. Paluri, "A Closer Look at Spatiotemporal
Convolutions for Action Recognition", CVPR 2018, as torchvision 0.28 states them (BSD-3), whose
Kinetics-400 weights and names they take. The DFEW benchmark (X. Jiang et al., ACM MM 2020) trains
them from scratch; github.com/jiangxingxun/DFEW at commit 7c1ba78.

Input: float32 [b, t, h, w, 3], RGB in [0, 1]; 16 frames of 112x112. No max-pool anywhere: R3D and
R(2+1)D halve time in layers 2 to 4, MC3 keeps it. GMAC per clip: 40.70, 43.34, 40.52.

Deviates: the classifier starts as in the DFEW code (Kaiming normal, fan-in), whose rows are the
ones to compare with, not as torchvision's (normal, standard deviation 0.01).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from flax import linen as nn
from jaxtyping import Array, Float

from dfer_jax.models.clip_network import ClipNetwork, Output, global_mean
from dfer_jax.models.layers import kaiming_fan_in

_STEM_MID = 45  # channels between the two convolutions of the stem of R(2+1)D


class VideoResNet(ClipNetwork):
    """What the three have in common.

    Attributes:
        form: `r3d`, `mc3` or `r2plus1d`.
    """

    form: ClassVar[str]
    places: ClassVar[tuple[str, ...]] = ("stem", "layer1", "layer2", "layer3", "layer4")
    """Names of the parts before the classifier."""
    pretrained: ClassVar[Mapping[int, str]] = MappingProxyType({400: "kinetics"})

    @nn.compact
    def __call__(self, clips: Float[Array, "b t h w 3"], *, train: bool) -> Output:
        """Classifies clips; see `clip_network.Output`.

        Raises:
            UserError: if the width or the shape of `clips` does not fit.
        """
        x = self._maps(self._prepare(clips), train=train)
        return self._classify(global_mean(x), kernel_init=kaiming_fan_in)

    def _maps(self, x: Float[Array, "b t h w 3"], *, train: bool) -> Float[Array, "b r p q d"]:
        """Returns the maps before the global mean."""
        x = self._stem(x, train=train)
        for stage in range(4):
            for block in range(2):
                stride = 2 if stage and not block else 1
                x = self._block(x, stage, block, stride=stride, train=train)
        return x

    def _stem(self, x: Float[Array, "b t h w 3"], *, train: bool) -> Float[Array, "b t i j c"]:
        name, options = self.places[0], {"stride": (1, 2, 2), "relu": True, "train": train}
        if self.form != "r2plus1d":
            return self._conv(x, self.width, f"{name}.0", f"{name}.1", kernel=(3, 7, 7), **options)
        mid = self.width * _STEM_MID // 64
        x = self._conv(x, mid, f"{name}.0", f"{name}.1", kernel=(1, 7, 7), **options)
        options["stride"] = (1, 1, 1)
        return self._conv(x, self.width, f"{name}.3", f"{name}.4", kernel=(3, 1, 1), **options)

    def _block(
        self, x: Float[Array, "b t h w c"], stage: int, block: int, *, stride: int, train: bool
    ) -> Float[Array, "b r p q d"]:
        """Two convolutions added to the shortcut."""
        features, name = self.width << stage, f"{self.places[stage + 1]}.{block}"
        options = {"stage": stage, "train": train, "mid": _mid(x.shape[-1], features)}
        y = self._convolution(x, features, f"{name}.conv1", stride=stride, relu=True, **options)
        y = self._convolution(y, features, f"{name}.conv2", stride=1, relu=False, **options)
        if stride != 1 or x.shape[-1] != features:
            names = (f"{name}.downsample.0", f"{name}.downsample.1")
            strides = self._strides(stage, stride)
            x = self._conv(x, features, *names, kernel=(1, 1, 1), stride=strides, train=train)
        return nn.relu(y + x)

    def _convolution(
        self,
        x: Float[Array, "b t h w c"],
        features: int,
        name: str,
        *,
        stage: int,
        stride: int,
        mid: int,
        relu: bool,
        train: bool,
    ) -> Float[Array, "b r p q d"]:
        """One convolution of this form, with BatchNorm."""
        if self.form == "r2plus1d":
            options = {"kernel": (1, 3, 3), "stride": (1, stride, stride), "train": train}
            x = self._conv(x, mid, f"{name}.0.0", f"{name}.0.1", relu=True, **options)
            options |= {"kernel": (3, 1, 1), "stride": (stride, 1, 1)}
            return self._conv(x, features, f"{name}.0.3", f"{name}.1", relu=relu, **options)
        kernel = (1, 3, 3) if self.form == "mc3" and stage else (3, 3, 3)
        options = {"kernel": kernel, "stride": self._strides(stage, stride), "train": train}
        return self._conv(x, features, f"{name}.0", f"{name}.1", relu=relu, **options)

    def _strides(self, stage: int, stride: int) -> tuple[int, int, int]:
        return (1 if self.form == "mc3" and stage else stride, stride, stride)


class R3D18(VideoResNet):
    """Every convolution is 3x3x3; 33,169,863 parameters."""

    form: ClassVar[str] = "r3d"


class MC318(VideoResNet):
    """Those of layer1 are 3x3x3, in the other layers 1x3x3; 11,493,831 parameters."""

    form: ClassVar[str] = "mc3"


class R2Plus1D18(VideoResNet):
    """1x3x3, BatchNorm, ReLU and 3x1x1 instead of each 3x3x3; 31,303,716 parameters."""

    form: ClassVar[str] = "r2plus1d"


def _mid(channels: int, features: int) -> int:
    """Channels between 1x3x3 and 3x1x1 with which both have the numbers of one 3x3x3."""
    return 27 * channels * features // (9 * channels + 3 * features)
