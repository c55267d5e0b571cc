"""Opens a video file without trusting it: its container, its stream, what its header promises."""

import contextlib
import stat
from collections.abc import Iterator
from pathlib import Path

import av

from dfer_jax.video import matroska, mpegts
from dfer_jax.video.picture_size import MAX_PIXELS, MAX_SIDE, PictureSizeError, require_size

_FORMATS = "mov,matroska,avi,mpegts,mpeg,flv,asf,ogg,gif"  # none of them opens another file


_OPTIONS = {
    "format_whitelist": _FORMATS,
    "protocol_whitelist": "file",
    "max_pixels": str(MAX_PIXELS),  # FFmpeg decodes some frames to find out the format
}


# Titles need not be text; from PyAV 19 on they never stop it.
_LENIENT = {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}


class VideoError(ValueError):
    """The file is not a whole video; the message says why."""


def promised_frames(path: Path) -> int:
    """Returns about how many frames a video holds by its header; 0 if that says nothing.

    Raises:
        VideoError: if the file is not a video, as far as its header shows.
    """
    with open_video(path) as (container, stream):
        return promised(container, stream)


def count_packets(path: Path) -> int:
    """Reads a video to its end without decoding it; returns how many packets of pictures it has.

    Raises:
        VideoError: if it is not a video, or is cut short.
    """
    number = 0
    with open_video(path) as (container, stream):
        try:
            for packet in container.demux(stream):
                if packet.is_corrupt:
                    raise VideoError("cut short or damaged")
                number += packet.size > 0
        except av.FFmpegError as error:
            raise VideoError(f"cut short or damaged ({error.strerror})") from error
    require_whole(path)
    return number


def require_whole(path: Path) -> None:
    """Checks what FFmpeg does not.

    That a Matroska file has the bytes that its header promises, and that each packet of a transport
    stream begins as one.

    Raises:
        VideoError: if not.
    """
    try:
        missing, damaged = matroska.missing_bytes(path), mpegts.damaged_packets(path)
    except OSError as error:
        raise VideoError(f"cannot be read ({error.strerror})") from error
    if missing:
        raise VideoError(f"cut short: {missing:,} bytes are missing at its end")
    if damaged:
        raise VideoError(f"damaged: packets of its stream do not begin as such ({damaged:,})")


@contextlib.contextmanager
def open_video(path: Path) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """Opens a file and its main video stream; nothing but FFmpeg's probing is decoded yet."""
    head = _head(path)
    try:
        container = av.open(f"file:{path}", options=_OPTIONS, **_LENIENT)
    except av.FFmpegError as error:
        raise VideoError(_why_not_opened(head, error)) from error
    with container:
        stream = container.streams.best("video")
        if stream is None or stream.disposition & av.stream.Disposition.attached_pic:
            raise VideoError("no video in it, only sound or other data")
        _set_up_decoder(stream)
        yield container, stream


def _head(path: Path) -> bytes:
    """Returns the first bytes of a regular file that is not empty."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for ever
            raise VideoError("not a file")
        with open(path, "rb") as file:
            head = file.read(16)
    except OSError as error:
        raise VideoError(f"cannot be read ({error.strerror})") from error
    if not head:
        raise VideoError("the file is empty")
    return head


def _why_not_opened(head: bytes, error: av.FFmpegError) -> str:
    if head[4:8] == b"ftyp":  # MP4 and QuickTime: the index is usually written last
        return "an MP4 file without an index: cut short, or never finished"
    return f"not a video file of a known kind, or damaged at its start ({error.strerror})"


def _set_up_decoder(stream: av.VideoStream) -> None:
    decoder = stream.codec_context
    if decoder is None:
        raise VideoError("no decoder for its video codec")
    height, width = decoder.height, decoder.width
    if not height:  # as after a probe that met a picture too large
        raise VideoError(f"the size of its pictures is not stated or above {MAX_SIDE} a side")
    try:
        require_size(height, width)
    except PictureSizeError as error:
        raise VideoError(str(error)) from error
    decoder.thread_count = 1  # several files are read at once instead
    decoder.options = {"max_pixels": _OPTIONS["max_pixels"]}
    if decoder.name == "mjpeg":  # patches up a broken image without saying so; others do say so,
        decoder.options = {**decoder.options, "err_detect": "explode"}  # and this is too strict


def promised(container: av.container.InputContainer, stream: av.VideoStream) -> int:
    """Returns the number of frames by the container's header; 0 if it says nothing."""
    rate = float(stream.average_rate or 0)
    shown = round((container.duration or 0) / av.time_base * rate)
    if stream.frames:  # stored; a clip trimmed on a phone shows fewer of them
        return min(stream.frames, shown or stream.frames)
    return round(float(stream.duration * stream.time_base) * rate) if stream.duration else shown
