import struct

import numpy as np
import pytest

from dfer_jax.video.orientation import exif_orientation, turned


def jpeg_with(block):
    return (
        b"\xff\xd8\xff\xe1" + struct.pack(">H", len(block) + 8) + b"Exif\0\0" + block + b"\xff\xda"
    )


def directory(order, value, tag=0x0112):
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(order + "IHHHIHH", 8, 1, tag, 3, 1, value, 0)


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders(order):
    for value in range(1, 9):
        assert exif_orientation(jpeg_with(directory(order, value))) == value


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"II*\0\xff\xff\xff\xff",
        b"MM\0*",
        directory("<", 9),
        directory("<", 0),
        directory(">", 6, tag=0x0100),
        directory(">", 6)[:14],
        b"II*\0" + struct.pack("<IH", 8, 65535),
    ],
)
def test_what_says_nothing_is_upright(block):
    assert exif_orientation(jpeg_with(block)) == 1


def test_pixels_after_the_header_are_no_exif_data():
    data = b"\xff\xd8\xff\xda" + b"Exif\0\0" + directory("<", 6)
    assert exif_orientation(data) == 1


def test_turning():
    picture = np.array([[1, 2], [3, 4], [5, 6]], np.uint8)[..., None]
    assert turned(picture, 6)[..., 0].tolist() == [[5, 3, 1], [6, 4, 2]]
    assert turned(picture, 8)[..., 0].tolist() == [[2, 4, 6], [1, 3, 5]]
    assert turned(picture, 3)[..., 0].tolist() == [[6, 5], [4, 3], [2, 1]]
