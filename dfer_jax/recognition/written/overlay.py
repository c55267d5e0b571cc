"""A copy of a video with a box and a label on every face, written while it is read again."""

import bisect
import colorsys
import math
import os
from array import array
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from jaxtyping import UInt8

from dfer_jax.errors import UserError
from dfer_jax.recognition.faces import Pictures
from dfer_jax.recognition.rows import Row
from dfer_jax.recognition.windows import Face

_FONT, _SIZE = cv2.FONT_HERSHEY_SIMPLEX, 0.75
_CLOCK = 90_000  # ticks a second


class Boxes:
    """Where each face was in each frame, in a few bytes."""

    def __init__(self) -> None:
        self._frames, self._tracks, self._boxes = array("q"), array("q"), array("f")

    def add(self, index: int, faces: Iterable[Face]) -> None:
        """Notes the faces of the next frame."""
        for face in faces:
            self._frames.append(index)
            self._tracks.append(face.track)
            self._boxes.extend(face.box)

    def of(self, index: int, start: int) -> tuple[list[tuple[int, tuple[int, ...]]], int]:
        """Returns (face, box) of a frame, and where to look for the next one's from.

        Args:
            index: of the frame.
            start: what the call for the frame before returned, 0 at first.
        """
        found = []
        while start < len(self._frames) and self._frames[start] <= index:
            if self._frames[start] == index:
                box = tuple(round(value) for value in self._boxes[4 * start : 4 * start + 4])
                found.append((self._tracks[start], box))
            start += 1
        return found, start


def write_overlay(
    path: Path, pictures: Pictures, boxes: Boxes, rows: Iterable[Row], *, last: int
) -> None:
    """Writes the video again as H.264, each face with its label and that one's probability.

    Args:
        path: of the new file, .mp4.
        pictures: of the same video, from the start; times and sizes are kept.
        boxes: of its faces.
        rows: of the video.
        last: place of the last frame to write; a damaged video ends there.

    Raises:
        UserError: if it cannot be encoded.
        OSError: if it cannot be written.
    """
    new = path.with_name(f"{path.name}.new")
    try:
        with av.open(os.fspath(new), "w", format="mp4") as container:
            _encode(container, pictures, boxes, rows, last)
        os.replace(new, path)
    except av.FFmpegError as error:
        if isinstance(error, OSError) and error.errno:
            raise OSError(error.errno, error.strerror, os.fspath(path)) from error
        raise UserError(f"{path} cannot be encoded ({error}); leave --overlay out") from error
    finally:
        new.unlink(missing_ok=True)


def _encode(
    container: av.container.OutputContainer,
    pictures: Pictures,
    boxes: Boxes,
    rows: Iterable[Row],
    end: int,
) -> None:
    stream, start, last = None, 0, -1
    labels: dict[int, _Labels] = {}
    for row in rows:
        if row.face is not None:
            labels.setdefault(row.face, _Labels()).add(row)
    for index, seconds, picture in pictures:
        if stream is None:
            stream = container.add_stream("libx264", rate=30, options={"crf": "20"})
            stream.height, stream.width = (max(side // 2 * 2, 2) for side in picture.shape[:2])
            stream.pix_fmt, stream.time_base = "yuv420p", Fraction(1, _CLOCK)
            stream.codec_context.time_base = Fraction(1, _CLOCK)
        found, start = boxes.of(index, start)
        for face, box in found:
            _draw(picture, face, box, labels[face].at(seconds) if face in labels else "")
        frame = av.VideoFrame.from_ndarray(_sized(picture, stream), format="rgb24")
        last = max(round(seconds * _CLOCK), last + 1)
        frame.pts, frame.time_base = last, Fraction(1, _CLOCK)
        container.mux(stream.encode(frame))
        if index >= end:  # what follows may be damaged
            break
    if stream is not None:
        container.mux(stream.encode())


class _Labels:
    """The label of a face at a moment, of the row whose middle is nearest, in a few bytes a row."""

    def __init__(self) -> None:
        self._middles, self._shares, self._numbers = array("d"), array("f"), array("l")
        self._names: dict[str, int] = {}

    def add(self, row: Row) -> None:
        """Notes the next row of this face; rows come in the order of their middles."""
        self._middles.append((row.start_s + row.end_s) / 2)
        self._shares.append(row.probabilities.get(row.label, math.nan))
        self._numbers.append(self._names.setdefault(row.label, len(self._names)))

    def at(self, seconds: float) -> str:
        """Returns what to write beside the face."""
        after = bisect.bisect_left(self._middles, seconds)
        places = range(max(after - 1, 0), min(after + 1, len(self._middles)))
        place = min(places, key=lambda k: abs(self._middles[k] - seconds))
        share, label = self._shares[place], list(self._names)[self._numbers[place]]
        return label if math.isnan(share) else f"{label} {100 * share:.0f}%"


def _sized(
    picture: UInt8[np.ndarray, "h w 3"], stream: av.VideoStream
) -> UInt8[np.ndarray, "height width 3"]:
    """Cuts off an odd row or column; shrinks a picture whose size changed in the video."""
    height, width = stream.height, stream.width
    if picture.shape[0] - height in (0, 1) and picture.shape[1] - width in (0, 1):
        return np.ascontiguousarray(picture[:height, :width])
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


def _draw(picture: UInt8[np.ndarray, "h w 3"], face: int, box: tuple[int, ...], text: str) -> None:
    colour = [255 * part for part in colorsys.hsv_to_rgb(face * 0.381966 % 1, 0.6, 1.0)]
    x, y, width, height = box
    scale = max(picture.shape[0] / 720, 0.5)
    thick = max(round(2 * scale), 1)
    cv2.rectangle(picture, (x, y), (x + width, y + height), colour, thick)
    told = f"{face}: {text}"
    (long, high), below = cv2.getTextSize(told, _FONT, _SIZE * scale, thick)
    left = min(max(x, 0), max(picture.shape[1] - long, 0))
    base = max(y - below - thick, high + thick)
    corner = (left + long, base + below)
    cv2.rectangle(picture, (left, base - high - thick), corner, colour, cv2.FILLED)
    cv2.putText(picture, told, (left, base), _FONT, _SIZE * scale, (0, 0, 0), thick, cv2.LINE_AA)
