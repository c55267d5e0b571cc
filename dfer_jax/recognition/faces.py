"""Faces in whole pictures, cut out as the weights want them."""

from pathlib import Path

from dfer_jax.errors import UserError
from dfer_jax.recognition.timeline import Finder
from dfer_jax.recognition.weights import Weights


def face_finder(weights: Weights, face_model: str | Path | None) -> Finder:
    """Returns a finder that tracks faces through the pictures of one video.

    Raises:
        UserError: always, until faces are found here.
    """
    del weights, face_model
    raise UserError("faces are not found in whole pictures yet; give face crops, with --cropped")
