import math

import cv2
import numpy as np
import pytest

from dfer_jax.video.faces.sampling import Square, sample

PICTURE = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)


def cut(x, y, side, *, size, angle=0.0, picture=PICTURE):
    square = Square(float(x), float(y), float(side), angle)
    return sample(picture, square.to_picture(size), size)


def test_a_square_of_whole_pixels_is_those_pixels():
    np.testing.assert_array_equal(cut(30, 20, 16, size=16), PICTURE[12:28, 22:38])


def test_a_quarter_turn_clockwise():
    # Its upper edge is where the right edge was: rows become columns.
    turned = cut(30, 20, 16, size=16, angle=math.pi / 2)
    np.testing.assert_array_equal(turned, np.rot90(PICTURE[12:28, 22:38], 1))


@pytest.mark.parametrize("factor", [3, 4, 7.5])
def test_shrinking_averages_areas(factor):
    size = 8
    side = round(size * factor)
    smooth = cv2.GaussianBlur(np.tile(PICTURE, (3, 3, 1)), (0, 0), 6)
    part = smooth[20 : 20 + side, 30 : 30 + side]
    expected = cv2.resize(part, (size, size), interpolation=cv2.INTER_AREA)
    found = cut(30 + side / 2, 20 + side / 2, side, size=size, picture=smooth)
    assert np.abs(found.astype(int) - expected).max() <= 6


def test_outside_the_picture_edges_repeat():
    found = cut(-500, 20, 40, size=8)
    np.testing.assert_array_equal(found[:, 0], found[:, -1])


def test_a_square_far_outside_and_large():
    assert cut(-5000, 20, 400, size=8).shape == (8, 8, 3)
