"""Cuts faces out of pictures as the weights want them, or takes pictures that are crops already."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from dfer_jax.data.decode import decode_frames, decode_picture, resize_square
from dfer_jax.recognition.weights import Cut
from dfer_jax.recognition.windows import Face
from dfer_jax.video.container import VideoError
from dfer_jax.video.faces import FaceTracker, crop_face, find_model

Picture = UInt8[np.ndarray, "h w 3"] | bytes
"""RGB, or an encoded JPEG or PNG image."""
Finder = Callable[[Picture], list[Face]]


def find_faces(
    cuts: Sequence[Cut], *, face_model: str | Path | None = None, least_confidence: float = 0.0
) -> Finder:
    """Returns a finder that follows the faces through the pictures of one video.

    Args:
        cuts: what the networks take.
        face_model: file of the face networks; None looks for it.
        least_confidence: faces whose landmarks are less sure, 0..1, count as not found.

    Raises:
        UserError: if the face networks are not there.
    """
    tracker = FaceTracker(find_model(face_model))
    crops = tuple(dict.fromkeys(cut.crop for cut in cuts))

    def find(picture: Picture) -> list[Face]:
        if isinstance(picture, bytes):
            picture = _decoded(picture)
        found = []
        for face in tracker(picture):
            if face.quality.confidence < least_confidence:
                continue
            cut_out = {crop: crop_face(picture, face.landmarks, crop) for crop in crops}
            pictures = {cut: resize_square(cut_out[cut.crop], cut.size) for cut in cuts}
            quality = dataclasses.asdict(face.quality)
            found.append(Face(face.track, face.box, pictures, quality))
        return found

    return find


def take_crops(cuts: Sequence[Cut]) -> Finder:
    """Returns a finder for pictures that are face crops already: each is face 0, whole.

    Args:
        cuts: what the networks take.
    """

    def find(picture: Picture) -> list[Face]:
        if isinstance(picture, bytes):  # by the rule of evaluation, to the last bit
            height, width = _decoded(picture).shape[:2]
            first = np.zeros(1, np.int64)
            pictures = {
                cut: decode_frames([picture], first, size=cut.size, clip="")[0] for cut in cuts
            }
        else:
            height, width = picture.shape[:2]
            pictures = {cut: resize_square(picture, cut.size) for cut in cuts}
        return [Face(0, (0.0, 0.0, float(width), float(height)), pictures)]

    return find


def _decoded(image: bytes) -> UInt8[np.ndarray, "h w 3"]:
    try:
        return decode_picture(image)
    except ValueError as error:
        raise VideoError(f"a frame is not a whole JPEG or PNG image ({error})") from error
