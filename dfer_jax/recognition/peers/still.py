"""A recogniser of stills beside ours: what does looking at time add?

Networks of EmotiEffLib (A. Savchenko; github.com/sb-ai-lab/EmotiEffLib at commit f1df0e8, folder
`models/affectnet_emotions/onnx`, Apache-2.0), trained on AffectNet: `enet_b0_8_best_vgaf.onnx` and
its like, run by OpenCV as they are. They see one frame at a time; what they say of a window is the
mean of its frames' logits, as their authors have it for videos.

Deviates: faces are cut out as for our weights, not by MTCNN, because both shall see the same.
"""

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from dfer_jax.errors import UserError
from dfer_jax.recognition.faces import Finder, Found, Pictures
from dfer_jax.recognition.peers.answers import AFFECT
from dfer_jax.recognition.weights import Cut
from dfer_jax.recognition.windows import Face

CLASSES = (
    "anger", "contempt", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"
)  # fmt: skip
"""What the first eight outputs mean; files with seven are without contempt.

The last two of ten are `answers.AFFECT`."""
_MEAN, _STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
_MOST_BYTES = 200 * 2**20  # the largest that is published has 30 MiB
_SIDE, _SIDE_B2 = 224, 260
_OUTPUTS = {
    7: tuple(name for name in CLASSES if name != "contempt"),
    8: CLASSES,
    10: (*CLASSES, *AFFECT),
}


class StillPeer:
    """One network file.

    Attributes:
        file: its name.
        size: side of the pictures it takes, in pixels.
        names: of what it says of a face: classes, of those with ten outputs also `AFFECT`.
    """

    def __init__(self, path: str | Path, *, classes: Sequence[str]) -> None:
        """Reads the file.

        Args:
            path: of the ONNX file.
            classes: that our weights tell apart; without contempt among them the network's logit
                of it is left out, as in its authors' comparisons on seven classes.

        Raises:
            UserError: if it cannot be read or is no such network.
        """
        self.file, self._path = Path(path).name, path
        self.size = _SIDE_B2 if "_b2_" in self.file else _SIDE
        self._network = _read(path)
        blank = np.zeros((self.size, self.size, 3), np.uint8)
        outputs = self._forward(blank)
        self._all = _OUTPUTS.get(outputs.size, ())
        if not self._all or not np.isfinite(outputs).all():
            raise UserError(
                f"{path} gives {outputs.size} numbers for a face, not 7, 8 or 10; --peer takes an "
                "ONNX file of EmotiEffLib, such as enet_b0_8_best_vgaf.onnx"
            )
        kept = {*classes} | {*CLASSES} - {"contempt"}
        self.names = tuple(name for name in self._all if name in kept or name in AFFECT)

    def __call__(self, face: UInt8[np.ndarray, "s s 3"]) -> dict[str, float]:
        """Returns the network's output for each of `names`: logits, and `AFFECT` where it is there.

        Args:
            face: RGB crop, s = `size`.
        """
        outputs = dict(zip(self._all, self._forward(face).tolist(), strict=True))
        return {name: outputs[name] for name in self.names}

    def _forward(self, face: UInt8[np.ndarray, "s s 3"]) -> np.ndarray:
        x = ((face / 255 - _MEAN) / _STD).astype(np.float32).transpose(2, 0, 1)
        try:
            self._network.setInput(np.ascontiguousarray(x[None]))
            return self._network.forward().ravel()
        except cv2.error as error:
            raise UserError(
                f"{self._path} does not take a picture of {self.size}x{self.size}x3 "
                f"({_first_line(error)}); --peer takes an ONNX file of EmotiEffLib"
            ) from error


def _read(path: str | Path) -> cv2.dnn.Net:
    try:
        if os.path.getsize(path) > _MOST_BYTES:
            raise UserError(
                f"{path} has more than {_MOST_BYTES >> 20} MiB; --peer takes an ONNX file of "
                "EmotiEffLib, which are smaller"
            )
        data = np.fromfile(path, np.uint8)
        return cv2.dnn.readNetFromONNX(data)
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}); give --peer an ONNX file"
        ) from error
    except cv2.error as error:
        raise UserError(
            f"{path} is no ONNX file that OpenCV can run ({_first_line(error)}); --peer takes one "
            "of EmotiEffLib, such as enet_b0_8_best_vgaf.onnx"
        ) from error


def _first_line(error: cv2.error) -> str:
    return str(error.err).strip().splitlines()[0]


class BesideOurs(Finder):
    """A finder whose faces carry what a peer says of them."""

    def __init__(self, find: Finder, peer: StillPeer, cut: Cut) -> None:
        """Keeps what finds faces.

        Args:
            find: finds faces with a picture for `cut`.
            peer: is asked about each.
            cut: the picture it is shown.
        """
        self._find, self._peer, self._cut = find, peer, cut

    @property
    def left_out(self) -> Mapping[str, int]:
        """What was found and is not among the faces."""
        return self._find.left_out

    def __call__(self, pictures: Pictures) -> Iterator[Found]:
        """Yields what was found in every frame."""
        for index, seconds, faces in self._find(pictures):
            yield index, seconds, [self._asked(face) for face in faces]

    def _asked(self, face: Face) -> Face:
        return dataclasses.replace(face, peer=self._peer(face.pictures[self._cut]))
