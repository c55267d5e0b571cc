"""What a face does in a video of several expressions: one after the other, neutral in between."""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float32, Int32

from dfer_jax.labels import CLASSES
from tfds_builders.synthetic_dfer.rendering import expression, motion, render

SHOWN_FROM = 0.25
"""Intensity from which a frame is labelled with the expression, and as neutral below it.

Below 0.2 an expression is hardly to be seen and at 0.4 it is slight; half way between, someone who
goes through the video frame by frame would begin to name it."""

_SEGMENT = (12, 40)  # least and largest number of frames of one expression, onset to offset
_LATE_START = 20  # frames; a video begins so far into its first segment at most

# Movements that are no part of an expression, each by itself, with the units' largest weights:
# without them the action units would be no more than another name of the expression.
_MOVEMENTS = (
    {"browInnerUp": 0.9, "browOuterUp_": 1.0},
    {"browDown_": 1.1},
    {"eyeSquint_": 1.2},
    {"mouthUpperUp_": 1.2},
    {"mouthRollLower": 1.0, "mouthRollUpper": 1.0},
    {"mouthPress_": 1.1},
    {"mouthPress_": 1.1, "browDown_": 0.9},
    {"jawOpen": 0.6},
    {"mouthLowerDown_": 1.2},
)
_MOVEMENT = (10, 28)  # least and largest number of frames of one of them
_PAUSE = 6  # frames from one to the next, on average; no two at a time, lips cannot press and part


@dataclasses.dataclass(frozen=True)
class Performance:
    """What happens in the n frames of a video.

    Attributes:
        expressions: int32 [n], index in `CLASSES` of what is shown, neutral below `SHOWN_FROM`.
        intensity: float32 [n], of the expression under way; 1 is a clear apex.
        coefficients: float32 [n, u], weights of all mesh units.
        views: pose and place of the head in every frame.
    """

    expressions: Int32[np.ndarray, " n"]
    intensity: Float32[np.ndarray, " n"]
    coefficients: Float32[np.ndarray, "n u"]
    views: list[render.View]


def sample_performance(
    rng: np.random.Generator,
    *,
    frames: int,
    peaks: Sequence[tuple[float, tuple[float, float]]],
    nuisance: float,
) -> Performance:
    """Draws what happens in a video.

    Args:
        rng: source of randomness.
        frames: number of frames n, at least 1.
        peaks: mixture of uniform ranges that peak intensities are drawn from, as pairs (share,
            (least, largest)).
        nuisance: strength of speech, gaze, brow flashes and of all motion of the head, 0 to 1.
    """
    classes, intensity, expressed = _segments(rng, frames, peaks)
    moved = expressed + _single_movements(rng, intensity)
    coefficients, views = motion.add_distraction(rng, moved, nuisance=nuisance)
    shown = np.where(intensity >= SHOWN_FROM, classes, CLASSES.index("neutral"))
    return Performance(
        expressions=shown.astype(np.int32),
        intensity=intensity.astype(np.float32),
        coefficients=coefficients,
        views=views,
    )


def _segments(
    rng: np.random.Generator, frames: int, peaks: Sequence[tuple[float, tuple[float, float]]]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns class [n], intensity [n] and unit weights [n, u] of one expression after another."""
    start = int(rng.integers(_LATE_START + 1))
    classes, intensities, weights = [], [], []
    names = _order(rng)
    while len(classes) < start + frames:
        name = next(names)
        length = int(rng.integers(_SEGMENT[0], _SEGMENT[1] + 1))
        peak = motion.draw_peak(rng, peaks) if name != "neutral" else 0.0
        intensity = peak * _curve(rng, length)
        recipe = expression.unit_weights(expression.RECIPES[name])
        recipe = recipe * rng.uniform(0.8, 1.2, len(recipe))  # nobody moves twice exactly alike
        classes += [CLASSES.index(name)] * length
        intensities.append(intensity)
        weights.append(expression.CLEAR_GAIN * intensity[:, None] * recipe)
    shown = slice(start, start + frames)
    return np.array(classes)[shown], np.concatenate(intensities)[shown], np.vstack(weights)[shown]


def _order(rng: np.random.Generator) -> Iterator[str]:
    """Yields expressions without end: all seven in random order, again and again.

    None comes twice in a row.
    """
    last = None
    while True:
        names = [CLASSES[i] for i in rng.permutation(len(CLASSES))]
        if names[0] == last:
            names.reverse()
        yield from names
        last = names[-1]


def _curve(rng: np.random.Generator, length: int) -> np.ndarray:
    """Returns float64 [length]: onset, apex and offset of random lengths, from 0 to 1 to 0."""
    onset, _, offset = length * rng.dirichlet((4, 4, 4))
    at = np.arange(length)
    before = np.clip((onset - at) / onset, 0, 1)
    after = np.clip((at - (length - offset)) / offset, 0, 1)
    return 0.5 + 0.5 * np.cos(np.pi * np.maximum(before, after))


def _single_movements(rng: np.random.Generator, intensity: np.ndarray) -> np.ndarray:
    """Returns unit weights [n, u] of movements that come alone and give way to an expression."""
    frames = len(intensity)
    total = np.zeros((frames, len(expression.unit_weights({}))))
    start = rng.uniform(-_MOVEMENT[1], _MOVEMENT[0])
    while start < frames:
        units = expression.unit_weights(_MOVEMENTS[rng.integers(len(_MOVEMENTS))])
        length = rng.uniform(*_MOVEMENT)
        off_middle = np.abs(np.arange(frames) - start - length / 2) / (length / 2)
        amount = rng.uniform(0.5, 1) * np.clip(2 - 2 * off_middle, 0, 1)
        total += (amount * np.clip(1 - 2 * intensity, 0, 1))[:, None] * units
        start += length + rng.exponential(_PAUSE)
    return total
