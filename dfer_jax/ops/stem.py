"""The stem of GCA+IAL: two 3x3 convolutions and a max-pool, a quarter of the image size.

In evaluation on CPUs in one piece, where a C++ compiler is at hand (`cpu/stem.py`).
"""

from collections.abc import Callable

import jax
from jax import lax
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from dfer_jax.ops.batch_norm import Norm
from dfer_jax.ops.conv_norm import conv_norm, convolve_and_normalise, declare
from dfer_jax.ops.cpu import stem as native
from dfer_jax.ops.pooling import max_pool

_NAMES = ("stem_conv1", "stem_conv2")


def stem(
    x: Float[Array, "n h w 3"],
    features: int,
    *,
    train: bool,
    dtype: DTypeLike,
    axis_name: str | None,
) -> Float[Array, "n i j c"]:
    """Convolves at stride 2 and at stride 1, each with BatchNorm and ReLU, and takes maxima.

    To be called in a module's compact method; see `conv_norm` for the arguments.
    """
    shared = {"dtype": dtype, "axis_name": axis_name}
    if train:
        for stride, name in zip((2, 1), _NAMES, strict=True):
            options = {"stride": stride, "relu": True, "train": True, "name": name}
            x = conv_norm(x, features, **options, **shared)
        return max_pool(x)
    layers = []
    for channels, name in zip((x.shape[-1], features), _NAMES, strict=True):
        kernel, norm = declare((3, 3, channels, features), name=name, **shared)
        layers += [kernel, norm(None)]
    return _evaluate(x.astype(dtype), *layers)


@jax.custom_vjp
def _evaluate(
    x: Float[Array, "n h w c"],
    kernel1: Float[Array, "3 3 c d"],
    norm1: Norm,
    kernel2: Float[Array, "3 3 d d"],
    norm2: Norm,
) -> Float[Array, "n i j d"]:
    if not native.possible(x, kernel1):
        return _one_by_one(x, kernel1, norm1, kernel2, norm2)
    return lax.platform_dependent(
        x, kernel1, norm1, kernel2, norm2, cpu=native.stem, default=_one_by_one
    )


def _one_by_one(x: Array, kernel1: Array, norm1: Norm, kernel2: Array, norm2: Norm) -> Array:
    x = convolve_and_normalise(x, kernel1, norm1, 2, True)
    return max_pool(convolve_and_normalise(x, kernel2, norm2, 1, True))


def _forward(*arguments: Array | Norm) -> tuple[Array, Callable[[Array], tuple]]:
    return jax.vjp(_one_by_one, *arguments)


def _backward(pull: Callable[[Array], tuple], dy: Array) -> tuple[Array | Norm, ...]:
    return pull(dy)


_evaluate.defvjp(_forward, _backward)
