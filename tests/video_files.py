"""Writes small videos whose pictures say which frame they are and which way is up."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

CORNERS = {"red": (200, 30, 30), "green": (30, 180, 30), "blue": (30, 30, 200), "grey": (128,) * 3}


def picture(number: int, *, height: int = 48, width: int = 64) -> np.ndarray:
    """Returns red, green, blue, grey quarters (row by row) with a centre as bright as `number`."""
    rgb = np.empty((height, width, 3), np.uint8)
    rows, columns = (slice(0, height // 2), slice(height // 2, None)), width // 2
    for row, (left, right) in zip(rows, (("red", "green"), ("blue", "grey")), strict=True):
        rgb[row, :columns], rgb[row, columns:] = CORNERS[left], CORNERS[right]
    rgb[height // 4 : -(height // 4), width // 4 : -(width // 4)] = 40 + 5 * number
    return rgb


def number_of(rgb: np.ndarray) -> int:
    """Returns the number a decoded picture was written with."""
    height, width = rgb.shape[:2]
    centre = rgb[height * 3 // 8 : -(height * 3 // 8), width * 3 // 8 : -(width * 3 // 8)]
    return round((centre.mean() - 40) / 5)


def corners(rgb: np.ndarray) -> list[str]:
    """Returns the names of the colours at top left, top right, bottom left, bottom right."""
    names, colours = list(CORNERS), np.array(list(CORNERS.values()))
    pixels = [rgb[3, 3], rgb[3, -4], rgb[-4, 3], rgb[-4, -4]]
    return [names[np.abs(colours - pixel).sum(1).argmin()] for pixel in pixels]


def write_video(
    path: Path,
    pictures,
    *,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    times: list[int] | None = None,
    rotation: int = 0,
    hflip: bool = False,
    options: dict[str, str] | None = None,
    aspect: str = "",
    rate: int = 25,
    codec_options: dict[str, str] | None = None,
) -> Path:
    """Encodes RGB pictures at `rate` frames per second, or at `times` in parts of a second."""
    pictures = list(pictures)
    with av.open(str(path), "w", options=options or {}) as container:
        settings = {"threads": "1", **(codec_options or {})}
        stream = container.add_stream(codec, rate=rate, options=settings)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pixels
        stream.bit_rate = 2_000_000
        if aspect:
            stream.codec_context.sample_aspect_ratio = Fraction(aspect.replace(":", "/"))
        if rotation or hflip:
            stream.set_display_rotation(rotation, hflip=hflip)
        for index, rgb in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            frame.pts = times[index] if times else index
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_sound(path: Path) -> Path:
    """Writes a file with one stream of silence and no video."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
