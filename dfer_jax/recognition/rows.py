"""Rows of a result: what one face showed from one moment to another, and their CSV file."""

import dataclasses
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from dfer_jax.recognition.intensity import intensity
from dfer_jax.recognition.peers import answers
from dfer_jax.recognition.windows import Window
from dfer_jax.runtime.spreadsheet import SpreadsheetWriter

NO_FACE = "no face"
QUALITY = ("size_px", "blur", "yaw", "pitch", "roll", "confidence")
_BEFORE = (
    "video", "face", "start_s", "end_s", "first_frame", "last_frame", "faces_found",
    "x", "y", "w", "h", "label",
)  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """What one face showed in one window, or that there was no face.

    Attributes:
        face: number of the face, from 0; None where no face was found.
        start_s: seconds from the video's start at which the window begins.
        end_s: likewise, at which it ends.
        first_frame: number of its first frame, counted from 0.
        last_frame: of its last.
        faces_found: in how many of its frames the face was found.
        box: mean x, y, width, height in pixels; None without a face.
        label: most probable class, or active action units joined by +; `NO_FACE` without a face.
        probabilities: by class; empty without a face.
        intensity: in [0, 1], see `intensity.intensity`; None without a face or of action units.
        quality: means over the window of what was measured, by the names of `QUALITY`.
        peer: what a recogniser of stills says of the window, `peers.answers.mean_of`; else empty.
    """

    face: int | None
    start_s: float
    end_s: float
    first_frame: int
    last_frame: int
    faces_found: int
    box: tuple[float, ...] | None
    label: str
    probabilities: dict[str, float]
    intensity: float | None
    quality: dict[str, float] = dataclasses.field(default_factory=dict)
    peer: dict[str, float] = dataclasses.field(default_factory=dict)


def without_face(window: Window) -> Row:
    """Returns the row of a stretch in which no face was found."""
    return _row(window, 0, None, NO_FACE, {}, None, {})


def of_window(
    window: Window, probabilities: np.ndarray, *, classes: Sequence[str], exclusive: bool
) -> Row:
    """Returns the row of a face in a window.

    Args:
        window: with the face in at least one frame.
        probabilities: [k], in the order of `classes`.
        classes: their names.
        exclusive: whether one holds at a time.
    """
    shares = {name: float(p) for name, p in zip(classes, probabilities, strict=True)}
    if exclusive:
        label, strength = max(shares, key=shares.get), intensity(shares)
    else:
        label, strength = "+".join(k for k, p in shares.items() if p > 0.5) or "none", None
    faces = [seen.face for seen in window.found]
    box = tuple(np.mean([face.box for face in faces], axis=0).tolist())
    measured = [name for name in QUALITY if name in faces[0].quality]
    quality = {name: float(np.mean([face.quality[name] for face in faces])) for name in measured}
    peer = answers.mean_of([face.peer for face in faces])
    return _row(window, len(faces), box, label, shares, strength, quality, peer)


def _row(window: Window, found: int, *rest: Any) -> Row:
    first, last = window.frames[0], window.frames[-1]
    return Row(window.track, first.seconds, window.end, first.index, last.index, found, *rest)


class CsvRows:
    """Writes rows to an open file, each whole when `write` returns."""

    def __init__(
        self,
        file: io.TextIOBase,
        *,
        video: str,
        classes: Sequence[str],
        peer: Sequence[str] = (),
    ) -> None:
        self._writer, self._file = SpreadsheetWriter(file), file
        self._video, self._classes, self._peer = video, tuple(classes), tuple(peer)
        self._writer.writerow([*columns(classes), *answers.columns(peer)])

    def write(self, row: Row) -> None:
        """Writes one row."""
        box = [""] * 4 if row.box is None else [f"{value:.1f}" for value in row.box]
        shares = [_digits(row.probabilities.get(name)) for name in self._classes]
        quality = [_digits(row.quality.get(name)) for name in QUALITY]
        face = "" if row.face is None else row.face
        times = [f"{row.start_s:.3f}", f"{row.end_s:.3f}", row.first_frame, row.last_frame]
        start = [self._video, face, *times, row.faces_found, *box, row.label]
        said = [_digits(row.peer.get(name)) for name in self._peer]
        peer = [answers.label_of(row.peer) if row.peer else "", *said] if said else []
        self._writer.writerow([*start, *shares, _digits(row.intensity), *quality, *peer])


def columns(classes: Sequence[str]) -> list[str]:
    """Returns the names of the columns of a CSV file."""
    return [*_BEFORE, *classes, "intensity", *QUALITY]


def _digits(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"
