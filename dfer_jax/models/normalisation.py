"""What is subtracted from, and divided into, a picture before a pre-trained network sees it.

A preset belongs to the weights: it is an argument of the model, so it is stored in every
checkpoint, and it is applied inside the model, so that no caller can forget it or differ.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from dfer_jax.errors import UserError


class Normalisation(NamedTuple):
    """(scale * x - mean) / std per channel, for x RGB in [0, 1]."""

    scale: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


NORMALISATIONS = {
    # The pre-training of the VGGFace2 weights `resnet50_ft_dag` and `senet50_ft_dag`: RGB, 0..255.
    "vggface2_rgb": Normalisation(255.0, (131.0912, 103.8827, 91.4953), (1.0, 1.0, 1.0)),
    "none": Normalisation(1.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    "imagenet": Normalisation(1.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    # The weights of torchvision's video networks, Kinetics-400.
    "kinetics": Normalisation(1.0, (0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989)),
    # The weights of K. Hara et al.'s 3D ResNets, Kinetics-700 and more.
    "kinetics_hara": Normalisation(1.0, (0.4345, 0.4051, 0.3775), (0.2768, 0.2713, 0.2737)),
    # The weights of I3D, Kinetics-400: -1 to 1.
    "kinetics_i3d": Normalisation(2.0, (1.0, 1.0, 1.0), (1.0, 1.0, 1.0)),
    # The released ABAW 2021 code (the statistics of CIFAR-100): 60 times smaller than the weights
    # expect, which fine-tuning with live BatchNorm hides and a frozen backbone would not.
    "abaw2021_code": Normalisation(1.0, (0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)),
}
"""The known presets by name."""


def normalise(images: Float[Array, "*n 3"], *, preset: str) -> Float[Array, "*n 3"]:
    """Returns pictures in the range a network was trained with, float32.

    Args:
        images: RGB in [0, 1], channels last.
        preset: a name in `NORMALISATIONS`.

    Raises:
        UserError: if there is no such preset.
    """
    if preset not in NORMALISATIONS:
        known = ", ".join(NORMALISATIONS)
        raise UserError(f"model normalisation {preset!r} is unknown; choose from {known}")
    chosen = NORMALISATIONS[preset]
    scale, mean, std = (jnp.asarray(value, jnp.float32) for value in chosen)
    x = images.astype(jnp.float32) * scale
    return (x - jnp.broadcast_to(mean, x.shape)) / jnp.broadcast_to(std, x.shape)
