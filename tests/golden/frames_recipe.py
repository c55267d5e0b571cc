"""Weights and inputs of the per-frame models' goldens, by a rule both sides can follow."""

from collections.abc import Mapping

import numpy as np
from golden import gca_ial_recipe

TINY = {"width": 4, "stage_sizes": (1, 2, 1, 1)}
IMAGE_SIZES = {"even": 64, "odd": 70}  # the second pools a map of 35x35
LABELS = np.array([[3, 5, -1, 0, 6, 6, 1, 2, -1], [-1, 4, 4, 4, 0, 2, 5, 1, 3]])


def make_array(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Returns the tensor of this reference name; residuals are small, so that signals stay so."""
    value = gca_ial_recipe.make_array(name, shape)
    kind = name.rsplit(".", 1)[-1]
    if "bias" in kind and kind != "bias":  # of a GRU or an attention: drawn as a scale there
        return (value - 1).astype(np.float32)
    if name.endswith("increase_bn.weight"):
        return (0.3 * value).astype(np.float32)
    if name.startswith("conv1_7x7_s2."):  # pictures are in the range of hundreds
        return (value / 64).astype(np.float32)
    return value


def make_state_dict(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Returns every tensor of a network with these names and shapes."""
    return {name: make_array(name, shape) for name, shape in shapes.items()}


def make_frames(*, image_size: int) -> np.ndarray:
    """Returns float32 [1, 2, h, w, 3] in [0, 1]."""
    return gca_ial_recipe.make_clips(num_clips=1, num_frames=2, image_size=image_size)


def make_features(width: int) -> np.ndarray:
    """Returns float32 [2, 9, width], not negative as the backbone's are."""
    return np.abs(gca_ial_recipe.make_array("features", (2, 9, width))) / 2
