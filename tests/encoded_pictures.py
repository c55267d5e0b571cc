"""Tiny pictures whose headers promise more than they hold."""

import struct
import zlib

import cv2
import numpy as np

_SIDE = 16


def encoded(suffix, *options):
    """Returns a small whole picture."""
    return cv2.imencode(suffix, np.zeros((_SIDE, _SIDE, 3), np.uint8), options)[1].tobytes()


def jpeg_promising(height, width):
    """Returns a JPEG with another size in its header."""
    data = encoded(".jpg")
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


def png_promising(height, width):
    """Returns a PNG with another size in its header, whose checksum is right."""
    data = encoded(".png")
    header = data[12:16] + struct.pack(">II", width, height) + data[24:29]
    return data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:]


def jpeg_of_scans(number):
    """Returns a progressive JPEG whose last scan is there so many times."""
    data = encoded(".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * number + data[-2:]
