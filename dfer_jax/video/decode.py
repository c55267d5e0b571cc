"""Reads video files, frame by frame from the first to the last, in bounded memory.

Files are taken as hostile: FFmpeg finds the format by content, and some formats (playlists, lists
of files) make it open other files or the network. Here only formats that hold the video themselves
are allowed, only local files, and no picture above `picture_size.MAX_SIDE` is ever decoded.

Damage is an error, not a smeared picture: besides the errors of FFmpeg itself, a frame that the
decoder patched up and a packet cut short count. Not caught: changed bytes that are still valid code
(often so in VP9 and AV1), and MPEG-TS files or live recordings that end early at a packet's end,
which shows at best in `VideoFacts.promised_frames`; but containers err too.

Pictures are upright and their pixels square (`upright.py`). Colours follow the matrix and range
that the file states, BT.601 and limited range where it states none, as in FFmpeg.
"""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import simplejpeg
from jaxtyping import UInt8

from dfer_jax.video.container import VideoError, open_video, promised, require_whole
from dfer_jax.video.upright import Showing, picture, showing

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
        height: of the first picture as shown (upright, pixels square), before shrinking, in pixels.
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


class TimedFrame(NamedTuple):
    """A picture of a video.

    Attributes:
        index: how many came before it.
        seconds: when it is shown, from the start of the file as players count; by the time stamp,
            or by the mean rate where it has none.
        picture: RGB in 0..255, uint8 [h, w, 3].
    """

    index: int
    seconds: float
    picture: UInt8[np.ndarray, "h w 3"]


def read_frames(path: Path, *, shorter_side: int | None = None) -> Iterator[TimedFrame]:
    """Yields the frames of a video in the order of presentation, upright, pixels square.

    The memory needed does not depend on the length. Sizes may differ within a video.

    Args:
        path: the file.
        shorter_side: pictures whose shorter side is longer than this many pixels are shrunk to it,
            averaging areas; None leaves them as they are.

    Yields:
        pictures with their times, which never go back.

    Raises:
        VideoError: if the file is not a video, or is damaged, when the damage is reached.
    """
    with open_video(path) as (container, stream):
        start = (container.start_time or 0) / av.time_base
        step = 1 / float(stream.average_rate or 25)
        before, is_dated = -step, False
        for index, (frame, how) in enumerate(_decode(path, container, stream)):
            if not is_dated and frame.time is not None:  # frames may lie before the start
                start, is_dated = min(start, frame.time - before - step), True
            seconds = before + step if frame.time is None else frame.time - start
            before = max(seconds, before, 0.0)
            yield TimedFrame(index, before, picture(frame, how, shorter_side))


def notes(path: Path) -> tuple[str, ...]:
    """Returns what to know of a video's pictures (HDR, interlaced, ...), a phrase each.

    Raises:
        VideoError: if its first frame cannot be decoded.
    """
    with open_video(path) as (container, stream):
        for _, how in _decode(path, container, stream):
            return how.notes
    return ()


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
        for frame, how in _decode(path, container, stream):
            if len(images) == max_frames:
                raise _too_long(max_frames, stream)
            if not images:
                shape = how.size(frame.height, frame.width)
            rgb = picture(frame, how, shorter_side)
            images.append(simplejpeg.encode_jpeg(rgb, quality, "RGB", "420"))
            times.append(frame.time)
        fps, duration = _timing(times, rate=float(stream.average_rate or 0))
        facts = VideoFacts(*shape, len(images), promised(container, stream), fps, duration)
    return EncodedVideo(images, facts)


def _too_long(max_frames: int, stream: av.VideoStream) -> VideoError:
    rate = float(stream.average_rate or 0)
    seconds = f" ({max_frames / rate:.0f} s at {rate:g} frames a second)" if rate else ""
    return VideoError(f"more than {max_frames:,} frames{seconds}; cut it into clips")


def _decode(
    path: Path, container: av.container.InputContainer, stream: av.VideoStream
) -> Iterator[tuple[av.VideoFrame, Showing]]:
    """Yields the decoded frames and how to show them; every sign of damage is an error."""
    number, how = 0, Showing()
    try:
        for packet in container.demux(stream):
            if packet.is_corrupt:
                raise VideoError(f"cut short or damaged after {number} frames")
            for frame in packet.decode():
                number += 1
                if frame.is_corrupt:
                    raise VideoError(f"frame {number} is damaged or cut short")
                if number == 1:
                    how = showing(frame, stream.sample_aspect_ratio)
                yield frame, how
    except av.FFmpegError as error:
        where = f"after {number} frames"
        raise VideoError(f"cut short or damaged {where} ({error.strerror})") from error
    require_whole(path)
    if not number:
        raise VideoError("no frame in it can be decoded")


def _timing(times: list[float | None], *, rate: float) -> tuple[float, float]:
    """Returns frames per second and duration in seconds, by time stamps if there are any."""
    if len(times) > 1 and None not in times and times[-1] > times[0]:
        rate = (len(times) - 1) / (times[-1] - times[0])
    return rate, len(times) / rate if rate else 0.0
