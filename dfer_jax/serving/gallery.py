"""One picture of each face of a video."""

from collections.abc import Iterator, Mapping

import numpy as np
from jaxtyping import UInt8

from dfer_jax.recognition.faces import Finder, Found, Pictures

_MOST = 100  # faces


class Gallery(Finder):
    """A finder that keeps the largest crop of each face."""

    def __init__(self, find: Finder) -> None:
        self._find, self._sizes = find, {}
        self.crops: dict[int, UInt8[np.ndarray, "s s 3"]] = {}

    @property
    def left_out(self) -> Mapping[str, int]:
        """What was found and is not among the faces."""
        return self._find.left_out

    def __call__(self, pictures: Pictures) -> Iterator[Found]:
        """Yields what was found in every frame."""
        for index, seconds, faces in self._find(pictures):
            for face in faces:
                size = face.box[2] * face.box[3]
                if size > self._sizes.get(face.track, 0.0) and len(self.crops) < _MOST:
                    self._sizes[face.track] = size
                    self.crops[face.track] = next(iter(face.pictures.values()))
            yield index, seconds, faces
