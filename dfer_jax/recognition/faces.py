"""Cuts faces out of pictures as the weights want them, or takes pictures that are crops already."""

import collections
import dataclasses
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from dfer_jax.data.decode import decode_frames, decode_picture, resize_square
from dfer_jax.recognition.pictures import refuse_bgr
from dfer_jax.recognition.weights import Cut
from dfer_jax.recognition.windows import Face
from dfer_jax.video.container import VideoError
from dfer_jax.video.faces import Face as TrackedFace
from dfer_jax.video.faces import FaceQuality, FaceTracker, crop_face, find_model
from dfer_jax.video.faces.confirmation import Confirmation

Picture = UInt8[np.ndarray, "h w 3"] | bytes
"""RGB, or an encoded JPEG or PNG image."""
Pictures = Iterable[tuple[int, float, Picture]]
"""Number, seconds and picture of every frame of a video, in order."""
Found = tuple[int, float, list[Face]]
"""Number, seconds and faces of a frame."""


class Finder:
    """Finds the faces of one video.

    Attributes:
        left_out: what was found and is not among the faces, counted by name, for the summary.
    """

    left_out: Mapping[str, int]

    def __call__(self, pictures: Pictures) -> Iterator[Found]:
        """Yields what was found in every frame, some frames late.

        Raises:
            Exception: whatever `pictures` raises, after the frames before it.
        """
        raise NotImplementedError


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


class FoundFaces(Finder):
    """A finder that follows the faces through the pictures of one video.

    What is found shortly and with weak confidence, as `Confirmation` has it, is no face; frames
    wait until that is decided. Faces are numbered from 0 as they appear.
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
        self._confirmation, self._not_judged = Confirmation(), 0
        self._waiting: collections.deque[Found] = collections.deque()
        self._numbers: dict[int, int] = {}

    @property
    def left_out(self) -> Mapping[str, int]:
        """Faces that cannot be judged, in frames, and tracks that are none."""
        return {
            "faces_left_out": self._not_judged,
            "brief_weak_faces_left_out": self._confirmation.left_out,
        }

    def __call__(self, pictures: Pictures) -> Iterator[Found]:
        """Yields what was found in every frame.

        Raises:
            VideoError: if one is a damaged image, after the frames before it.
        """
        try:
            for index, seconds, picture in pictures:
                self._waiting.append((index, seconds, self._find(picture, seconds)))
                yield from self._decided()
        except Exception:
            yield from self._rest()
            raise
        yield from self._rest()

    def _find(self, picture: Picture, seconds: float) -> list[Face]:
        if isinstance(picture, bytes):
            picture = _decoded(picture)
        tracked = self._tracker(picture, seconds)
        judged = [face for face in tracked if self._least.is_met_by(face.quality)]
        self._not_judged += len(tracked) - len(judged)
        self._confirmation.add(seconds, {face.track: face.score for face in judged})
        return [self._cut(picture, face) for face in judged]

    def _decided(self) -> Iterator[Found]:
        """Yields the frames of whose faces all is known, as far as they are the next ones."""
        while self._waiting:
            index, seconds, found = self._waiting[0]
            if any(self._confirmation.is_open(face.track) for face in found):
                return
            self._waiting.popleft()
            faces = [face for face in found if self._confirmation.is_face(face.track)]
            yield index, seconds, [self._numbered(face) for face in faces]

    def _rest(self) -> Iterator[Found]:
        self._confirmation.finish()
        yield from self._decided()

    def _numbered(self, face: Face) -> Face:
        number = self._numbers.setdefault(face.track, len(self._numbers))
        return dataclasses.replace(face, track=number)

    def _cut(self, picture: UInt8[np.ndarray, "h w 3"], face: TrackedFace) -> Face:
        cut_out = {crop: crop_face(picture, face.landmarks, crop) for crop in self._crops}
        pictures = {cut: resize_square(cut_out[cut.crop], cut.size) for cut in self._cuts}
        return Face(face.track, face.box, pictures, dataclasses.asdict(face.quality))


class WholePictures(Finder):
    """A finder for pictures that are face crops already: each is face 0, whole."""

    left_out = types.MappingProxyType({"faces_left_out": 0, "brief_weak_faces_left_out": 0})

    def __init__(self, cuts: Sequence[Cut]) -> None:
        """Keeps what the networks take."""
        self._cuts = tuple(cuts)

    def __call__(self, pictures: Pictures) -> Iterator[Found]:
        """Yields every frame with its face.

        Raises:
            VideoError: if one is a damaged image, after the frames before it.
        """
        for index, seconds, picture in pictures:
            yield index, seconds, [self._face(picture)]

    def _face(self, picture: Picture) -> Face:
        if isinstance(picture, bytes):  # by the rule of evaluation, to the last bit
            height, width = _decoded(picture).shape[:2]
            first = np.zeros(1, np.int64)
            cut_out = {
                cut: decode_frames([picture], first, size=cut.size, clip="")[0]
                for cut in self._cuts
            }
        else:
            height, width = picture.shape[:2]
            cut_out = {cut: resize_square(picture, cut.size) for cut in self._cuts}
        return Face(0, (0.0, 0.0, float(width), float(height)), cut_out)


class FacesInRgb(Finder):
    """A finder that refuses pictures whose first face looks like BGR."""

    def __init__(self, find: Finder, *, what: str) -> None:
        """Takes the finder to ask, and the name of the pictures for the message."""
        self._find, self._what = find, what

    @property
    def left_out(self) -> Mapping[str, int]:
        """What was found and is not among the faces."""
        return self._find.left_out

    def __call__(self, pictures: Pictures) -> Iterator[Found]:
        """Yields what was found in every frame.

        Raises:
            UserError: if the channels are swapped, as far as a face shows it.
        """
        is_checked = False
        for index, seconds, faces in self._find(pictures):
            if faces and not is_checked:
                first = next(iter(faces[0].pictures.values()))
                refuse_bgr(first[None], what=self._what)
                is_checked = True
            yield index, seconds, faces


def _decoded(image: bytes) -> UInt8[np.ndarray, "h w 3"]:
    try:
        return decode_picture(image)
    except ValueError as error:
        raise VideoError(f"a frame is not a whole JPEG or PNG image ({error})") from error
