"""Which facial movements make an expression, and which lines they draw into the skin.

Movements are the 52 expression units of the head (names as in ARKit; a trailing underscore stands
for the left and the right side together).
"""

import functools
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float32

from tfds_builders.synthetic_dfer.rendering import face, skin

CLEAR_GAIN = 1.5
"""Gain on a recipe at which the expression counts as a clear apex: intensity 1."""

# Weights at gain 1. The mesh's own nose and cheek units are small, hence weights above 1 there.
RECIPES: Mapping[str, Mapping[str, float]] = {
    "happiness": {
        "mouthSmile_": 0.9, "cheekSquint_": 1.0, "eyeSquint_": 0.35, "mouthUpperUp_": 0.3,
        "jawOpen": 0.15,
    },
    "sadness": {
        "browInnerUp": 1.1, "mouthFrown_": 1.0, "browDown_": 0.1, "mouthShrugLower": 0.6,
        "eyeSquint_": 0.2, "eyeLookDown_": 0.3,
    },
    "neutral": {},
    "anger": {
        "browDown_": 1.2, "eyeSquint_": 0.3, "eyeWide_": 0.4, "noseSneer_": 0.4,
        "mouthRollLower": 0.5, "mouthRollUpper": 0.5, "mouthFrown_": 0.6, "mouthPucker": 0.4,
        "mouthPress_": 0.2, "jawForward": 0.5,
    },
    "surprise": {"browInnerUp": 0.9, "browOuterUp_": 0.9, "eyeWide_": 0.9, "jawOpen": 0.65},
    "disgust": {
        "noseSneer_": 1.5, "mouthUpperUp_": 1.1, "browDown_": 0.15, "cheekSquint_": 1.1,
        "mouthFrown_": 0.5, "eyeSquint_": 0.5, "mouthShrugLower": 0.3,
    },
    "fear": {
        "browInnerUp": 1.1, "browDown_": 0.4, "browOuterUp_": 0.3, "eyeWide_": 1.0,
        "mouthStretch_": 1.1, "jawOpen": 0.22, "mouthLowerDown_": 0.5,
    },
}  # fmt: skip


def unit_weights(named: Mapping[str, float]) -> Float32[np.ndarray, " u"]:
    """Returns float32 [u]: the weights of `named` units, both sides where a name ends in "_"."""
    index = face.load_head().unit_index
    weights = np.zeros(len(index), np.float32)
    for name, weight in named.items():
        sides = ("Left", "Right") if name.endswith("_") else ("",)
        for side in sides:
            weights[index[name.removesuffix("_") + side]] = weight
    return weights


# Line -> the units that draw it, with the depth each draws at weight 1.
_LINE_UNITS: Mapping[str, Mapping[str, float]] = {
    "frown": {"browDown_": 0.22},
    "forehead": {"browOuterUp_": 0.17, "browInnerUp": 0.05},
    "forehead_middle": {"browInnerUp": 0.22},
    "nose": {"noseSneer_": 0.14},
    "cheek_fold": {"mouthSmile_": 0.17, "noseSneer_": 0.11, "mouthUpperUp_": 0.08},
    "under_eye": {"cheekSquint_": 0.11, "eyeSquint_": 0.10},
    "mouth_corner": {"mouthFrown_": 0.22},
    "chin": {"mouthShrugLower": 0.22},
}


@functools.cache
def line_weights() -> np.ndarray:
    """Returns float32 [lines, u]: how much darker each line gets per unit weight."""
    return np.stack([mean_weights(units) for units in _LINE_UNITS.values()])


def mean_weights(named: Mapping[str, float]) -> Float32[np.ndarray, " u"]:
    """Returns float32 [u]: as `unit_weights`, but two-sided units count half a side each."""
    paired = {name: 2.0 for name in named if name.endswith("_")}
    return unit_weights(named) / np.maximum(unit_weights(paired), 1)


LINES_TOP, LINES_LEFT = 56, 152
"""First row and column (texels) of the part of the skin that lines are drawn on: the face."""
_LINES_BOTTOM, _LINES_RIGHT = 220, 360


@functools.cache
def line_masks() -> np.ndarray:
    """Returns float32 [lines, rows, columns] in [0, 1]: where on the face each line lies."""
    place = skin.skin_map()
    x, y = np.abs(place.x), place.y
    masks = {
        "frown": _line(x - 0.055 - 0.1 * (y - 0.2), 0.016) * _window(y, 0.10, 0.36),
        "forehead": sum(_line(y - h + 0.10 * x**2, 0.014) for h in (0.40, 0.48, 0.56))
        * _window(x, -0.1, 0.48),
        "forehead_middle": sum(_line(y - h - 0.25 * x, 0.014) for h in (0.34, 0.41))
        * _window(x, -0.1, 0.22),
        "nose": sum(_line(y - h + 0.5 * x, 0.013) for h in (0.11, 0.05, -0.01))
        * _window(x, -0.1, 0.11),
        "cheek_fold": _line(x - 0.20 - 0.45 * (-0.34 - y), 0.022) * _window(y, -0.70, -0.30),
        "under_eye": _line(y + 0.15 - 0.5 * (x - 0.30) ** 2, 0.018) * _window(x, 0.14, 0.50)
        + sum(_line(y - s * (x - 0.46) + 0.02, 0.012) for s in (-0.5, 0.0, 0.5))
        * _window(x, 0.50, 0.64),
        "mouth_corner": _line(x - 0.30 - 0.25 * (-0.66 - y), 0.020) * _window(y, -0.84, -0.62),
        "chin": _line(y + 0.80 - 0.8 * x**2, 0.022) * _window(x, -0.1, 0.18),
    }
    front = np.abs(place.angle) < 1.2
    part = np.s_[LINES_TOP:_LINES_BOTTOM, LINES_LEFT:_LINES_RIGHT]
    return np.stack([np.clip(masks[name], 0, 1)[part] * front[part] for name in _LINE_UNITS])


def _line(distance: np.ndarray, half_width: float) -> np.ndarray:
    return np.exp(-0.5 * (distance / half_width) ** 2)


def _window(value: np.ndarray, low: float, high: float) -> np.ndarray:
    """Returns 1 well inside [low, high] and falls smoothly to 0 at its ends."""
    soft = 0.2 * (high - low)
    inside = np.minimum(value - low, high - value) / soft
    t = np.clip(inside, 0, 1)
    return t * t * (3 - 2 * t)


def draw_lines(
    coefficients: Float32[np.ndarray, " u"], *, strength: float
) -> Float32[np.ndarray, "h w"]:
    """Returns the factor by which the skin darkens, float32 [rows, columns] in [0.4, 1].

    The part of the skin covered starts at `LINES_TOP`, `LINES_LEFT`; elsewhere the factor is 1.

    Args:
        coefficients: float32 [u], the units' weights.
        strength: factor on the depth of all lines (older skin folds deeper).
    """
    depth = strength * (line_weights() * coefficients).sum(1)
    dark = np.zeros_like(line_masks()[0])
    for i in np.flatnonzero(depth > 1e-3):
        dark += depth[i] * line_masks()[i]
    return 1 - np.minimum(dark, 0.6)
