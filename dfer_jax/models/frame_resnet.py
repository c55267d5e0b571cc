"""ResNets of 18 layers over the frames of clips, with the names of torchvision's."""

from collections.abc import Callable, Sequence

from flax import linen as nn
from jaxtyping import Array, Float

from dfer_jax.ops.pooling_3d import max_pool_3d

Convolve = Callable[..., Float[Array, "b t p q d"]]
"""`ClipNetwork._conv`, with `train` given."""


def stem(x: Float[Array, "b t h w 3"], features: int, conv: Convolve, *, prefix: str = ""):
    """Returns maps of a quarter of the size: 7x7 at stride 2, BatchNorm, ReLU, maxima of 3x3."""
    names = (f"{prefix}conv1", f"{prefix}bn1")
    x = conv(x, features, *names, kernel=(7, 7), stride=(1, 2, 2), relu=True)
    return max_pool_3d(x, window=(1, 3, 3), stride=(1, 2, 2), padding=((0, 0), (1, 1), (1, 1)))


def basic_block(
    x: Float[Array, "b t h w c"],
    features: int,
    name: str,
    conv: Convolve,
    *,
    stride: int,
    project: bool | None = None,
) -> Float[Array, "b t p q d"]:
    """Two convolutions of 3x3 added to the shortcut, which is a convolution where shapes differ.

    Args:
        x: maps.
        features: channels d of the result.
        name: of the block.
        conv: convolves and normalises.
        stride: of the first convolution, and of the shortcut.
        project: whether the shortcut is a convolution, where that does not follow from the shapes.
    """
    strides = (1, stride, stride)
    y = conv(x, features, f"{name}.conv1", f"{name}.bn1", kernel=(3, 3), stride=strides, relu=True)
    y = conv(y, features, f"{name}.conv2", f"{name}.bn2", kernel=(3, 3))
    if project if project is not None else stride != 1 or x.shape[-1] != features:
        names = (f"{name}.downsample.0", f"{name}.downsample.1")
        x = conv(x, features, *names, kernel=(1, 1), stride=strides)
    return nn.relu(y + x)


def stages(
    x: Float[Array, "b t h w c"],
    width: int,
    conv: Convolve,
    *,
    prefix: str = "",
    which: Sequence[int] = (1, 2, 3, 4),
) -> Float[Array, "b t p q d"]:
    """Returns the maps behind layers of two blocks each; layers 2 to 4 halve and double."""
    for stage in which:
        for block in range(2):
            stride = 2 if stage > 1 and not block else 1
            name = f"{prefix}layer{stage}.{block}"
            x = basic_block(x, width << (stage - 1), name, conv, stride=stride)
    return x
