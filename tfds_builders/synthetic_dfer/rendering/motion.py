"""What the face and the head do during a clip: the expression, and all that distracts from it."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32

from tfds_builders.synthetic_dfer.rendering import expression, render

# Units that speech uses, with their largest weight.
_SPEECH = {
    "jawOpen": 0.30, "mouthFunnel": 0.35, "mouthPucker": 0.35, "mouthStretch_": 0.2,
    "mouthLowerDown_": 0.25, "mouthUpperUp_": 0.12, "mouthRollLower": 0.25,
}  # fmt: skip
_FRAME_RATE = 12.5  # frames per second that the speeds of blinks, speech and head motion assume


@dataclasses.dataclass(frozen=True)
class Motion:
    """What happens in the n frames of a clip.

    Attributes:
        gain: float32 [n], gain on the expression's recipe.
        apex: the frame with the largest gain; -1 for a neutral clip.
        coefficients: float32 [n, u], weights of all expression units.
        views: pose and place of the head in every frame.
    """

    gain: np.ndarray
    apex: int
    coefficients: np.ndarray
    views: list[render.View]


def sample_motion(
    rng: np.random.Generator, *, name: str, frames: int, peak_gain: float, nuisance: float
) -> Motion:
    """Draws the motion of a clip.

    Args:
        rng: source of randomness.
        name: the expression, a key of `expression.RECIPES`.
        frames: number of frames n.
        peak_gain: gain at the apex; must be 0 for `neutral`.
        nuisance: strength of all other motion and of the pose, 0 to 1.
    """
    if name == "neutral":
        gain, apex = np.zeros(frames, np.float32), -1
    else:
        gain, apex = _gain_curve(rng, frames, peak_gain)
    recipe = expression.unit_weights(expression.RECIPES[name])
    recipe = recipe * rng.uniform(0.8, 1.2, len(recipe))  # nobody moves exactly alike
    expressed = gain[:, None] * recipe
    coefficients, views = add_distraction(rng, expressed, nuisance=nuisance)
    return Motion(gain, apex, coefficients, views)


def add_distraction(
    rng: np.random.Generator, expressed: np.ndarray, *, nuisance: float
) -> tuple[Float32[np.ndarray, "n u"], list[render.View]]:
    """Returns unit weights with all that is not expression added, and the head's poses.

    Args:
        rng: source of randomness.
        expressed: [n, u], weights of the units that make the expression.
        nuisance: strength of speech, gaze, brow flashes and of all motion of the head, 0 to 1.
            Blinks do not depend on it.
    """
    frames = len(expressed)
    distracting = _speech(rng, frames) + _gaze(rng, frames) + _brow_flash(rng, frames)
    coefficients = np.clip(expressed + nuisance * distracting, 0, 3)
    coefficients = _blink(rng, coefficients).astype(np.float32)
    return coefficients, _views(rng, frames, nuisance)


def draw_peak(
    rng: np.random.Generator, peaks: Sequence[tuple[float, tuple[float, float]]]
) -> float:
    """Returns a peak intensity from a mixture of uniform ranges.

    Args:
        rng: source of randomness.
        peaks: pairs of (share, (least, largest)); shares sum to 1.
    """
    choice = rng.choice(len(peaks), p=[share for share, _ in peaks])
    return float(rng.uniform(*peaks[choice][1]))


def _gain_curve(rng: np.random.Generator, frames: int, peak: float) -> tuple[np.ndarray, int]:
    """Returns an onset-apex-offset curve float32 [frames] that reaches `peak`, and its apex."""
    apex = int(rng.integers(1, frames - 1))
    hold = rng.uniform(0.1, 0.4) * frames
    onset = rng.uniform(0.15, 0.5) * frames
    offset = rng.uniform(0.15, 0.5) * frames
    before = np.clip((apex - np.arange(frames) - hold / 2) / onset, 0, 1)
    after = np.clip((np.arange(frames) - apex - hold / 2) / offset, 0, 1)
    curve = 0.5 + 0.5 * np.cos(np.pi * np.maximum(before, after))
    # A held apex still breathes a little, so that exactly one frame is the largest.
    curve *= 1 - 0.002 * np.abs(np.arange(frames) - apex)
    return (peak * curve).astype(np.float32), apex


def _smooth_noise(rng: np.random.Generator, frames: int, hertz: float, columns: int) -> np.ndarray:
    """Returns smooth noise [frames, columns] of about unit variance changing `hertz` a second."""
    knots = int(np.ceil(frames * hertz / _FRAME_RATE)) + 3
    values = rng.standard_normal((knots, columns))
    at = np.arange(frames) * hertz / _FRAME_RATE + rng.uniform(0, 1)
    low = at.astype(int)
    t = (at - low)[:, None]
    t = t * t * (3 - 2 * t)
    return values[low] * (1 - t) + values[low + 1] * t


def _speech(rng: np.random.Generator, frames: int) -> np.ndarray:
    """Returns unit weights [frames, u] of speech-like mouth motion, in about half of the clips."""
    loudness = rng.uniform(0.4, 1) * (rng.random() < 0.5)
    total = 0
    for unit, largest in _SPEECH.items():
        amount = np.maximum(_smooth_noise(rng, frames, 4.0, 1), 0)
        total = total + np.minimum(amount * 0.7, 1) * expression.unit_weights({unit: largest})
    return total * loudness


def _gaze(rng: np.random.Generator, frames: int) -> np.ndarray:
    """Returns unit weights [frames, u] of the eyes looking somewhere else now and then."""
    right, down = np.clip(0.3 * _smooth_noise(rng, frames, 0.8, 2), -0.7, 0.7).T
    directions = {
        ("eyeLookInLeft", "eyeLookOutRight"): -right,
        ("eyeLookOutLeft", "eyeLookInRight"): right,
        ("eyeLookDown_",): 0.6 * down,
        ("eyeLookUp_",): -0.6 * down,
    }
    return sum(
        np.maximum(amount, 0)[:, None] * expression.unit_weights(dict.fromkeys(units, 1.0))
        for units, amount in directions.items()
    )


def _brow_flash(rng: np.random.Generator, frames: int) -> np.ndarray:
    """Returns unit weights [frames, u] of a brief, slight brow movement, in a third of clips."""
    amount = rng.uniform(0.1, 0.35) * (rng.random() < 0.33)
    middle, width = rng.uniform(0, frames), rng.uniform(1, 3)
    bump = amount * np.exp(-0.5 * ((np.arange(frames) - middle) / width) ** 2)
    units = {"browOuterUp_": 1.0, "browInnerUp": 0.8} if rng.random() < 0.6 else {"browDown_": 0.8}
    return bump[:, None] * expression.unit_weights(units)


def _blink(rng: np.random.Generator, coefficients: np.ndarray) -> np.ndarray:
    """Returns the coefficients [n, u] with blinks, which override whatever else the lids do."""
    frames = len(coefficients)
    closed = np.zeros(frames)
    for start in np.flatnonzero(rng.random(frames) < 0.35 / _FRAME_RATE):
        for step, amount in enumerate((0.6, 1.0, 0.5)):
            if start + step < frames:
                closed[start + step] = max(closed[start + step], amount)
    lids = expression.unit_weights({"eyeWide_": 1.0, "eyeSquint_": 1.0, "eyeLookDown_": 1.0})
    opened = coefficients * (1 - closed[:, None] * (lids > 0))
    return opened + closed[:, None] * expression.unit_weights({"eyeBlink_": 1.0})


def _views(rng: np.random.Generator, frames: int, nuisance: float) -> list[render.View]:
    """Returns the head's pose in every frame: a resting pose and slow motion around it."""
    rest = rng.normal(0, (0.16, 0.07, 0.05)).clip(-0.4, 0.4)
    speed = rng.uniform(0.5, 1.5)
    pose = rest + _smooth_noise(rng, frames, speed, 3) * (0.07, 0.045, 0.03)
    shift = rng.normal(0, 0.015, 2) + 0.008 * _smooth_noise(rng, frames, speed, 2)
    zoom = rng.uniform(0.88, 1.1) * (1 + 0.012 * _smooth_noise(rng, frames, 0.5, 1)[:, 0])
    pose, shift, zoom = nuisance * pose, nuisance * shift, 1 + nuisance * (zoom - 1)
    return [
        render.View(*map(float, p), shift=(float(s[0]), float(s[1])), zoom=float(z))
        for p, s, z in zip(pose, shift, zoom, strict=True)
    ]
