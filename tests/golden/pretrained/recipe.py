"""Weights and inputs of the pretrained networks' vectors: outputs of the official codes in float64.

Each file beside this one: the arguments of a tiny network, its input's shape (b, t, c, h, w), the
tensors' names and shapes, and what the official code gave for them.
"""

import json
import pathlib
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np


def read(name: str) -> dict[str, Any]:
    """Returns the vectors of a network."""
    return json.loads((pathlib.Path(__file__).parent / f"{name}.json").read_text())


def make_tensors(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Returns the weights of every name, float32."""
    return {name: make_tensor(name, shape) for name, shape in shapes.items()}


def make_tensor(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Returns the weights of one name, float32."""
    noise = make_noise(name, shape)
    if name == "fovea.smooth" or name.endswith(".fovea.smooth"):
        value = 5 + 0.2 * noise
    elif name.endswith("num_batches_tracked"):
        value = np.zeros(shape)
    elif len(shape) >= 2:
        value = noise * np.sqrt(12 / np.prod(shape[1:]))
    elif name.endswith("running_var"):
        value = 1 + noise
    else:
        value = 0.2 * noise + name.endswith("weight")
    return value.astype(np.float32)


def make_clips(shape: tuple[int, ...]) -> np.ndarray:
    """Returns float32 clips [b, t, h, w, c] for a shape b, t, c, h, w."""
    return (0.5 + make_noise("input", shape)).astype(np.float32).transpose(0, 1, 3, 4, 2)


def make_noise(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Returns numbers in [-0.5, 0.5), hashes of the flat index and the name, float64."""
    h = np.arange(int(np.prod(shape)), dtype=np.uint32) + np.uint32(zlib.crc32(name.encode()))
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        h = (h ^ (h >> np.uint32(shift))) * np.uint32(factor)
    return (h / 2.0**32 - 0.5).reshape(shape)
