"""Reads video files, frame by frame from the first to the last, in bounded memory.

Files are taken as hostile: FFmpeg finds the format by content, and some formats (playlists, lists
of files) make it open other files or the network. Here only formats that hold the video themselves
are allowed, only local files, and no picture above `picture_size.MAX_SIDE` is ever decoded.

Damage is an error, not a smeared picture: besides the errors of FFmpeg itself, a frame that the
decoder patched up and a packet cut short count. Not caught: changed bytes that are still valid code
(often so in VP9 and AV1), and Matroska or MPEG-TS files that end early at a packet's end, which
shows only in `VideoFacts.promised_frames`; but containers err too.

Pixels are taken as square. Colours follow the matrix and range that the file states, BT.601 and
limited range where it states none, as in FFmpeg; HDR is not tone-mapped.
"""

import dataclasses
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import simplejpeg
from av.sidedata.sidedata import SideDataContainer
from jaxtyping import UInt8

from dfer_jax.video.container import VideoError, open_video, promised

SUFFIXES = (
    ".mp4", ".m4v", ".mov", ".3gp", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts",
    ".m2ts", ".flv", ".wmv", ".asf", ".ogv", ".gif",
)  # fmt: skip
"""What video files are called, in lower case; their content decides whether they are read."""


_HEADERS_ERR = 1.1  # a header that promises a little too many frames is not believed


@dataclasses.dataclass(frozen=True)
class VideoFacts:
    """What a video turned out to be.

    Attributes:
        height: of the first picture as shown (upright), before shrinking, in pixels.
        width: likewise.
        num_frames: frames decoded.
        promised_frames: frames that the container announces, or as many as fit its duration; 0 if
            it states neither. Often off by a few.
        fps: mean frames per second by the time stamps, or else by the header; 0 if unknown.
        duration: seconds from the first frame's start to the last one's end; 0 if unknown.
    """

    height: int
    width: int
    num_frames: int
    promised_frames: int
    fps: float
    duration: float


@dataclasses.dataclass(frozen=True)
class EncodedVideo:
    """A video as JPEG images, one a frame, and its facts."""

    frames: list[bytes]
    facts: VideoFacts


class _Turn(NamedTuple):
    """What to do with pictures, in this order, to show them upright."""

    transpose: bool = False
    flip_rows: bool = False
    flip_columns: bool = False


def read_frames(
    path: Path, *, shorter_side: int | None = None
) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """Yields the frames of a video in the order of presentation, upright.

    The memory needed does not depend on the length. Sizes may differ within a video.

    Args:
        path: the file.
        shorter_side: pictures whose shorter side is longer than this many pixels are shrunk to it,
            averaging areas; None leaves them as they are.

    Yields:
        RGB in 0..255.

    Raises:
        VideoError: if the file is not a video, or is damaged, when the damage is reached.
    """
    with open_video(path) as (container, stream):
        for frame, turn in _decode(container, stream):
            yield _picture(frame, turn, shorter_side)


def encode_clip(
    path: Path, *, shorter_side: int | None, max_frames: int, quality: int = 95
) -> EncodedVideo:
    """Returns all frames of a short video as JPEG images (4:2:0).

    Args:
        path: the file.
        shorter_side: as in `read_frames`.
        max_frames: a video with more frames is refused.
        quality: of the JPEG images, 1..100.

    Raises:
        VideoError: if the file is not a video, is damaged or has too many frames.
    """
    images, times, shape = [], [], (0, 0)
    with open_video(path) as (container, stream):
        if stream.frames and promised(container, stream) > _HEADERS_ERR * max_frames:
            raise _too_long(max_frames, stream)
        for frame, turn in _decode(container, stream):
            if len(images) == max_frames:
                raise _too_long(max_frames, stream)
            picture = _picture(frame, turn, shorter_side)
            if not images:
                shape = (frame.height, frame.width)[:: -1 if turn.transpose else 1]
            images.append(simplejpeg.encode_jpeg(picture, quality, "RGB", "420"))
            times.append(frame.time)
        fps, duration = _timing(times, rate=float(stream.average_rate or 0))
        facts = VideoFacts(*shape, len(images), promised(container, stream), fps, duration)
    return EncodedVideo(images, facts)


def _too_long(max_frames: int, stream: av.VideoStream) -> VideoError:
    rate = float(stream.average_rate or 0)
    seconds = f" ({max_frames / rate:.0f} s at {rate:g} frames a second)" if rate else ""
    return VideoError(f"more than {max_frames:,} frames{seconds}; cut it into clips")


def _decode(
    container: av.container.InputContainer, stream: av.VideoStream
) -> Iterator[tuple[av.VideoFrame, _Turn]]:
    """Yields the decoded frames and how to show them; every sign of damage is an error."""
    number, turn = 0, _Turn()
    try:
        for packet in container.demux(stream):
            if packet.is_corrupt:
                raise VideoError(f"cut short or damaged after {number} frames")
            for frame in packet.decode():
                number += 1
                if frame.is_corrupt:
                    raise VideoError(f"frame {number} is damaged or cut short")
                if number == 1:
                    turn = _turn(frame)
                yield frame, turn
    except av.FFmpegError as error:
        where = f"after {number} frames"
        raise VideoError(f"cut short or damaged {where} ({error.strerror})") from error
    if not number:
        raise VideoError("no frame in it can be decoded")


def _picture(
    frame: av.VideoFrame, turn: _Turn, shorter_side: int | None
) -> UInt8[np.ndarray, "h w 3"]:
    """Converts to RGB, shrinks in the same step, and turns upright."""
    height, width = frame.height, frame.width
    shorter = min(height, width)
    if shorter_side is not None and shorter > shorter_side:
        height, width = (max(1, round(side * shorter_side / shorter)) for side in (height, width))
    # To planar RGB swscale keeps the chroma of every pixel; to packed RGB only of every second.
    try:
        picture = frame.to_ndarray(
            format="gbrp", height=height, width=width, interpolation="AREA", threads=1
        )
    except av.FFmpegError as error:
        raise VideoError(f"pictures of the format {frame.format.name} are not supported") from error
    if turn.transpose:
        picture = picture.transpose(1, 0, 2)
    if turn.flip_rows:
        picture = picture[::-1]
    if turn.flip_columns:
        picture = picture[:, ::-1]
    return np.ascontiguousarray(picture)


def _turn(frame: av.VideoFrame) -> _Turn:
    """Returns how to show a video by its first frame.

    The display matrix maps stored to shown positions: x' = a x + c y, y' = b x + d y. It is taken
    as the nearest quarter turn, mirrored or not.
    """
    # frame.side_data would be kept by the frame and keep the frame: a cycle, so that pictures pile
    # up until the garbage collector runs.
    data = SideDataContainer(frame).get("DISPLAYMATRIX")
    if data is None:
        return _Turn()
    a, b, _, c, d, *_ = struct.unpack("=9i", bytes(data))  # 16.16 fixed point
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return _Turn(False, d < 0, a < 0)
    return _Turn(True, b < 0, c < 0)


def _timing(times: list[float | None], *, rate: float) -> tuple[float, float]:
    """Returns frames per second and duration in seconds, by time stamps if there are any."""
    if len(times) > 1 and None not in times and times[-1] > times[0]:
        rate = (len(times) - 1) / (times[-1] - times[0])
    return rate, len(times) / rate if rate else 0.0
