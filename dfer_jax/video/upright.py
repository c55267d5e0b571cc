"""Turns decoded frames into RGB pictures as they are meant to be seen: upright, pixels square."""

import dataclasses
import struct
from fractions import Fraction

import av
import cv2
import numpy as np
from av.sidedata.sidedata import SideDataContainer
from jaxtyping import UInt8

from dfer_jax.video.container import VideoError
from dfer_jax.video.picture_size import PictureSizeError, require_size

_PQ, _HLG = 16, 18  # transfer functions of HDR by their numbers in ITU-T H.273
_PQ_WHITE = 203.0  # cd/m2 of paper white, ITU-R BT.2408; brighter parts are compressed
_PQ_PEAK = 1000.0


@dataclasses.dataclass(frozen=True)
class Showing:
    """How a video's frames become pictures: widened, then turned in the order of the fields.

    Attributes:
        aspect: width of a pixel by its height.
        transpose: rows become columns.
        flip_rows: upside down.
        flip_columns: mirrored.
        transfer: number of the transfer function in ITU-T H.273.
        interlaced: a frame holds two moments, line by line.
    """

    aspect: Fraction = Fraction(1)
    transpose: bool = False
    flip_rows: bool = False
    flip_columns: bool = False
    transfer: int = 2
    interlaced: bool = False

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Returns (height, width) in pixels of a picture as shown, of one as stored."""
        width = max(1, round(width * self.aspect))
        return (width, height) if self.transpose else (height, width)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of the pictures, a phrase each."""
        known = {
            "pixels are not square; pictures are widened or narrowed": self.aspect != 1,
            "HDR (PQ); pictures are made from it by a simple curve": self.transfer == _PQ,
            "HDR (HLG); shown as a screen without HDR does, colours are pale": (
                self.transfer == _HLG
            ),
            "interlaced; every second line is shown, or both averaged": self.interlaced,
        }
        return tuple(note for note, true in known.items() if true)


def showing(frame: av.VideoFrame, aspect: Fraction | None) -> Showing:
    """Returns how to show a video by its first frame.

    Args:
        frame: the first one. The display matrix maps stored to shown positions: x' = a x + c y,
            y' = b x + d y. It is taken as the nearest quarter turn, mirrored or not.
        aspect: of a pixel, as the container or the stream states it, if it does.

    Raises:
        VideoError: if a picture would be wider than is decoded.
    """
    turn = (False, False, False)
    # frame.side_data would be kept by the frame and keep the frame: a cycle, so that pictures pile
    # up until the garbage collector runs.
    data = SideDataContainer(frame).get("DISPLAYMATRIX")
    if data is not None:
        a, b, _, c, d, *_ = struct.unpack("=9i", bytes(data))  # 16.16 fixed point
        straight = abs(a) + abs(d) >= abs(b) + abs(c)
        turn = (False, d < 0, a < 0) if straight else (True, b < 0, c < 0)
    aspect = Fraction(aspect) if aspect and aspect > 0 else Fraction(1)
    found = Showing(aspect, *turn, int(frame.color_trc), bool(frame.interlaced_frame))
    try:
        require_size(*found.size(frame.height, frame.width))
    except PictureSizeError as error:
        raise VideoError(f"as shown, with pixels of {aspect}: {error}") from error
    return found


def picture(
    frame: av.VideoFrame, how: Showing, shorter_side: int | None
) -> UInt8[np.ndarray, "h w 3"]:
    """Converts to RGB, shrinks and squares pixels in the same step, and turns upright.

    Args:
        frame: as decoded, of any depth.
        how: of its video.
        shorter_side: pictures whose shorter side is longer are shrunk to it, averaging areas.

    Raises:
        VideoError: if there is no conversion of its format.
    """
    height, width = frame.height, max(1, round(frame.width * how.aspect))
    shorter = min(height, width)
    if shorter_side is not None and shorter > shorter_side:
        height, width = (max(1, round(side * shorter_side / shorter)) for side in (height, width))
    # To planar RGB swscale keeps the chroma of every pixel; to packed RGB only of every second.
    try:
        rgb = frame.to_ndarray(
            format="gbrp", height=height, width=width, interpolation="AREA", threads=1
        )
    except av.FFmpegError as error:
        raise VideoError(f"pictures of the format {frame.format.name} are not supported") from error
    if frame.interlaced_frame and height == frame.height > 1:  # else two moments are averaged
        rgb = cv2.resize(rgb[::2], (width, height), interpolation=cv2.INTER_LINEAR)
    if how.transfer == _PQ:
        rgb = cv2.LUT(rgb, _PQ_CURVE)
    if how.transpose:
        rgb = rgb.transpose(1, 0, 2)
    if how.flip_rows:
        rgb = rgb[::-1]
    if how.flip_columns:
        rgb = rgb[:, ::-1]
    return np.ascontiguousarray(rgb)


def _pq_curve() -> UInt8[np.ndarray, "256"]:
    """Returns SDR values of PQ values (SMPTE ST 2084): 1000 cd/m2 and more become white."""
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    power = np.linspace(0, 1, 256) ** (1 / m2)
    light = 10000 * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1) / _PQ_WHITE
    peak = _PQ_PEAK / _PQ_WHITE
    mapped = light * (1 + light / peak**2) / (1 + light)  # Reinhard et al. 2002, eq. 4
    return np.round(255 * np.minimum(mapped, 1) ** (1 / 2.2)).astype(np.uint8)


_PQ_CURVE = _pq_curve()
