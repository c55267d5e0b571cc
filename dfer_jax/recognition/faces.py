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
from dfer_jax.video.faces import Face as TrackedFace
from dfer_jax.video.faces import FaceQuality, FaceTracker, crop_face, find_model

Picture = UInt8[np.ndarray, "h w 3"] | bytes
"""RGB, or an encoded JPEG or PNG image."""
Finder = Callable[[Picture], list[Face]]


@dataclasses.dataclass(frozen=True)
class Least:
    """What a face must have to be judged; one that has less counts as not found.

    Attributes:
        confidence: of its landmarks, 0..1.
        size_px: of the longer side of its box, in pixels.
    """

    confidence: float = 0.0
    size_px: float = 0.0

    def is_met_by(self, quality: FaceQuality) -> bool:
        """Whether a face of this quality can be judged."""
        return quality.confidence >= self.confidence and quality.size_px >= self.size_px


ANY_FACE = Least()


class FoundFaces:
    """A finder that follows the faces through the pictures of one video.

    Attributes:
        left_out: faces that were found, but cannot be judged.
    """

    def __init__(
        self, cuts: Sequence[Cut], *, face_model: str | Path | None = None, least: Least
    ) -> None:
        """Loads the face networks.

        Args:
            cuts: what the networks take.
            face_model: file of the face networks; None looks for it.
            least: what a face must have.

        Raises:
            UserError: if the face networks are not there.
        """
        self._tracker = FaceTracker(find_model(face_model))
        self._cuts, self._least = tuple(cuts), least
        self._crops = tuple(dict.fromkeys(cut.crop for cut in cuts))
        self.left_out = 0

    def __call__(self, picture: Picture) -> list[Face]:
        """Returns the faces of the next picture.

        Raises:
            VideoError: if it is a damaged image.
        """
        if isinstance(picture, bytes):
            picture = _decoded(picture)
        tracked = self._tracker(picture)
        judged = [face for face in tracked if self._least.is_met_by(face.quality)]
        self.left_out += len(tracked) - len(judged)
        return [self._cut(picture, face) for face in judged]

    def _cut(self, picture: UInt8[np.ndarray, "h w 3"], face: TrackedFace) -> Face:
        cut_out = {crop: crop_face(picture, face.landmarks, crop) for crop in self._crops}
        pictures = {cut: resize_square(cut_out[cut.crop], cut.size) for cut in self._cuts}
        return Face(face.track, face.box, pictures, dataclasses.asdict(face.quality))


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
