"""P3D-63: a ResNet whose 3x3x3 convolutions are 1x3x3 and 3x1x1, in three ways by turns.

Z. Qiu, T. Yao, T. Mei, "Learning Spatio-Temporal Representation with Pseudo-3D Residual Networks",
ICCV 2017; github.com/qijiezhao/pseudo-3d-pytorch at commit 09bba23 (MIT), whose names it has.

Input: float32 [b, t, h, w, 3], RGB in [0, 1]; 16 frames of 160x160, at which it has 8.45 GMAC. Time
is halved four times, and gone in layer4, which is two-dimensional.

Deviates: the last pool is the mean over the whole map, the same as its window of 5x5 at 160x160,
because that window fits no smaller clips. No mean and standard deviation by default, as in the DFEW
code; the first code's are `normalisation="imagenet"`.
"""

from flax import linen as nn
from jax.nn.initializers import Initializer
from jaxtyping import Array, Float

from dfer_jax.errors import UserError
from dfer_jax.models.clip_network import ClipNetwork, Output, global_mean
from dfer_jax.models.layers import kaiming_fan_in
from dfer_jax.ops.convolution_3d import Sizes
from dfer_jax.ops.pooling_3d import max_pool_3d

_STAGE_SIZES = (3, 4, 6, 3)


class P3D63(ClipNetwork):
    """24,939,975 parameters.

    Attributes:
        dropout: rate before the classifier; above 0, training needs a key,
            `rngs={"dropout": key}`.
    """

    image_size: int = 160
    dropout: float = 0.5

    @nn.compact
    def __call__(self, clips: Float[Array, "b t h w 3"], *, train: bool) -> Output:
        """Classifies clips; see `clip_network.Output`; `features` are behind the dropout.

        Raises:
            UserError: if an attribute or the shape of `clips` does not fit, or there are not 16
                frames.
        """
        if self.num_frames != 16:
            raise UserError(f"model num_frames is {self.num_frames}; P3D-63 halves 16 four times")
        x = self._prepare(clips)
        options = {"stride": (1, 2, 2), "relu": True, "train": train}
        x = self._convolve(x, self.width, "conv1_custom", "bn1", kernel=(1, 7, 7), **options)
        padding = ((0, 0), (1, 1), (1, 1))
        x = max_pool_3d(x, window=(2, 3, 3), stride=(2, 2, 2), padding=padding)
        done = 0
        for stage, size in enumerate(_STAGE_SIZES):
            for block in range(size):
                stride = 2 if stage and not block else 1
                form = "ABC"[(done + block) % 3] if stage < 3 else "2D"
                name = f"layer{stage + 1}.{block}"
                x = self._block(x, self.width << stage, name, form, stride=stride, train=train)
            done += size
            if stage < 3:
                x = max_pool_3d(x, window=(2, 1, 1), stride=(2, 1, 1))
        x = nn.Dropout(self.dropout, deterministic=not train)(global_mean(x))
        return self._classify(x, kernel_init=kaiming_fan_in)

    def _block(
        self,
        x: Float[Array, "b t h w c"],
        planes: int,
        name: str,
        form: str,
        *,
        stride: int,
        train: bool,
    ) -> Float[Array, "b t p q d"]:
        """1x1x1, the two convolutions of this form, 1x1x1 to four times the planes; a shortcut."""
        strides = (1, stride, stride)
        one = {"kernel": (1, 1) if form == "2D" else (1, 1, 1), "train": train}
        y = self._convolve(
            x, planes, f"{name}.conv1", f"{name}.bn1", stride=strides, relu=True, **one
        )
        y = self._middle(y, planes, name, form, train=train)
        y = self._convolve(y, 4 * planes, f"{name}.conv4", f"{name}.bn4", **one)
        if name.endswith(".0"):
            names = (f"{name}.downsample.0", f"{name}.downsample.1")
            x = self._convolve(x, 4 * planes, *names, stride=strides, **one)
        return nn.relu(y + x)

    def _middle(
        self, x: Float[Array, "b t h w c"], planes: int, name: str, form: str, *, train: bool
    ) -> Float[Array, "b t h w c"]:
        """A: time after space; B: beside each other; C: time after space, and past it."""
        options = {"relu": True, "train": train}
        if form == "2D":
            names = (f"{name}.conv_normal", f"{name}.bn_normal")
            return self._convolve(x, planes, *names, kernel=(3, 3), **options)
        names = (f"{name}.conv2", f"{name}.bn2")
        space = self._convolve(x, planes, *names, kernel=(1, 3, 3), **options)
        names = (f"{name}.conv3", f"{name}.bn3")
        source = x if form == "B" else space
        time = self._convolve(source, planes, *names, kernel=(3, 1, 1), **options)
        return time if form == "A" else space + time

    def _convolve(
        self,
        x: Float[Array, "b t h w c"],
        features: int,
        name: str,
        norm: str,
        *,
        kernel: Sizes | tuple[int, int],
        **options: object,
    ) -> Float[Array, "b r p q d"]:
        init = kaiming_fan_in if len(kernel) == 2 else _without_width(kernel)
        return self._conv(x, features, name, norm, kernel=kernel, kernel_init=init, **options)


def _without_width(kernel: Sizes) -> Initializer:
    """Normal with std = sqrt(2 / (time * height * output channels)), the release's own rule."""

    def init(key: Array, shape: tuple[int, ...], dtype: object) -> Array:
        stddev = (2 / (kernel[0] * kernel[1] * shape[-1])) ** 0.5
        return nn.initializers.normal(stddev)(key, shape, dtype)

    return init
