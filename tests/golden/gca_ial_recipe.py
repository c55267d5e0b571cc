"""Weights and clips of the GCA+IAL goldens, by a rule both sides can follow (NumPy only).

The full network has 19 million weights, so the golden files hold what PyTorch computed from them
and not the weights: they are drawn again from their name and shape. `RandomState` is used because
NumPy promises that its streams never change.
"""

import zlib
from collections.abc import Mapping

import numpy as np


def random_of(name: str) -> np.random.RandomState:
    return np.random.RandomState(zlib.crc32(name.encode()))


def make_array(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Returns the tensor of this reference name, float32 (int64 for a BatchNorm counter).

    Convolutions and linear layers keep the size of the signal; the gates are given larger weights
    than at initialisation, so that they are far from 1 and an error in them shows.
    """
    random = random_of(name)
    kind = name.rsplit(".", 1)[-1]
    if kind == "num_batches_tracked":
        return np.array(17, np.int64)
    if kind == "running_var":
        value = random.uniform(0.5, 1.5, shape)
    elif kind == "running_mean" or (kind == "bias" and len(shape) == 1):
        value = random.uniform(-0.1, 0.1, shape)
    elif len(shape) == 1:  # scale of a normalisation
        value = random.uniform(0.7, 1.3, shape)
    elif ".gc." in name:
        value = random.standard_normal(shape) * 2 / np.sqrt(shape[2] * shape[3])
    elif len(shape) == 4 and shape[0] > 1:
        value = random.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
    elif len(shape) == 2:
        value = random.uniform(-1, 1, shape) * np.sqrt(3 / shape[1])
    else:  # positions and stray biases
        value = random.standard_normal(shape)
    return value.astype(np.float32)


def make_state_dict(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Returns every tensor of a network with these names and shapes."""
    return {name: make_array(name, shape) for name, shape in shapes.items()}


def make_clips(*, num_clips: int, num_frames: int, image_size: int) -> np.ndarray:
    """Returns float32 [b, t, h, w, 3] in [0, 1]: moving gratings with noise."""
    random = random_of("clips")
    y, x = np.mgrid[:image_size, :image_size] / image_size
    clips = np.empty((num_clips, num_frames, image_size, image_size, 3))
    for i in range(num_clips):
        frequency, drift, phase = random.uniform((1, -0.6, 0), (6, 0.6, 6), (3, 3))
        for t in range(num_frames):
            wave = np.sin(
                frequency * (2 * x[..., None] + (i + 1) * y[..., None]) + phase + drift * t
            )
            clips[i, t] = 0.5 + 0.35 * wave
    clips += random.uniform(-0.1, 0.1, clips.shape)
    return np.clip(clips, 0, 1).astype(np.float32)
