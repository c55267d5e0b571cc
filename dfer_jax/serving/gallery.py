"""One picture of each face of a video."""

import numpy as np
from jaxtyping import UInt8

from dfer_jax.recognition.faces import Finder, Picture
from dfer_jax.recognition.windows import Face

_MOST = 100  # faces


class Gallery:
    """A finder that keeps the largest crop of each face."""

    def __init__(self, find: Finder) -> None:
        self._find, self._sizes = find, {}
        self.crops: dict[int, UInt8[np.ndarray, "s s 3"]] = {}

    @property
    def left_out(self) -> int:
        """Faces that were found, but could not be judged."""
        return getattr(self._find, "left_out", 0)

    def __call__(self, picture: Picture) -> list[Face]:
        """Returns the faces of the next picture."""
        faces = self._find(picture)
        for face in faces:
            size = face.box[2] * face.box[3]
            if size > self._sizes.get(face.track, 0.0) and len(self.crops) < _MOST:
                self._sizes[face.track] = size
                self.crops[face.track] = next(iter(face.pictures.values()))
        return faces
