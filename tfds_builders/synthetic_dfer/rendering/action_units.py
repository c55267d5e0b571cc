"""Which action units a rendered face shows: the truth that `frames` stores for every frame.

FACS names what muscles do to the face, the mesh has units much like them, so each action unit is
read off the weights of one or a few mesh units, after all that moves the face has been added up:
the expression, single movements, speech, brow flashes, and blinks that override the lids.

Thresholds are where the movement can just be seen in a picture of 112 pixels: the mesh unit then
moves the skin by 1 to 3 pixels at its strongest point, or folds a line, or shows the teeth.
"""

import functools
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int8

from dfer_jax.labels import ACTION_UNITS
from tfds_builders.synthetic_dfer.rendering import expression


class Rule(NamedTuple):
    """When an action unit counts as active.

    Attributes:
        units: mesh unit -> factor; "_" at its end means the mean of left and right.
        threshold: active where the sum of factor times weight is at least this.
    """

    units: Mapping[str, float]
    threshold: float


RULES: Mapping[str, Rule] = {
    "AU1": Rule({"browInnerUp": 1.0}, 0.4),  # inner brow raiser
    "AU2": Rule({"browOuterUp_": 1.0}, 0.35),  # outer brow raiser
    "AU4": Rule({"browDown_": 1.0}, 0.35),  # brow lowerer
    "AU6": Rule({"cheekSquint_": 1.0}, 0.75),  # cheek raiser
    "AU7": Rule({"eyeSquint_": 1.0}, 0.4),  # lid tightener
    "AU10": Rule({"mouthUpperUp_": 1.0}, 0.5),  # upper lip raiser
    "AU12": Rule({"mouthSmile_": 1.0}, 0.3),  # lip corner puller
    "AU15": Rule({"mouthFrown_": 1.0}, 0.4),  # lip corner depressor
    "AU23": Rule({"mouthRollLower": 0.5, "mouthRollUpper": 0.5}, 0.4),  # lip tightener
    "AU24": Rule({"mouthPress_": 1.0}, 0.4),  # lip presser
    # Lips part: pixels between the lips at the middle of the mouth, what each unit adds to them.
    "AU25": Rule(
        {
            "jawOpen": 19.2, "mouthFunnel": 6.6, "mouthUpperUp_": 2.9, "mouthLowerDown_": 2.4,
            "mouthShrugLower": -2.8, "mouthSmile_": -1.7, "mouthRollUpper": -1.6,
            "mouthRollLower": -1.5, "mouthPress_": -1.4, "mouthPucker": -0.8,
        },
        1.5,
    ),
    "AU26": Rule({"jawOpen": 1.0}, 0.25),  # jaw drop
}  # fmt: skip
"""The rule of each of `ACTION_UNITS`, in their order."""


@functools.cache
def _factors() -> np.ndarray:
    """Returns float32 [12, u]: the factor of each mesh unit in each rule."""
    return np.stack([expression.mean_weights(RULES[name].units) for name in ACTION_UNITS])


def label_units(coefficients: Float32[np.ndarray, "n u"]) -> Int8[np.ndarray, "n 12"]:
    """Returns int8 [n, 12]: 1 where an action unit of `ACTION_UNITS` can be seen, else 0.

    Args:
        coefficients: float32 [n, u], weights of the mesh units as rendered, in every frame.
    """
    thresholds = np.array([RULES[name].threshold for name in ACTION_UNITS], np.float32)
    return (coefficients @ _factors().T >= thresholds).astype(np.int8)
