import numpy as np
import pytest

from benchmarks.input import decode_ways
from benchmarks.input.rendered_release import jpeg_clips


@pytest.fixture(scope="module")
def clips():
    return list(jpeg_clips(count=2, frames=17, side=56, people=2))


@pytest.mark.parametrize("size", [28, 32])
def test_all_ways_give_nearly_the_same_picture(clips, size):
    ways = decode_ways.choices(size)
    first, *others = (way(clips[0][0]).astype(int) for way in ways.values())
    assert first.shape == (size, size, 3)
    for name, other in zip(list(ways)[1:], others, strict=True):
        assert other.shape == first.shape and np.abs(other - first).mean() < 8, name


def test_ours_is_one_of_the_ways(clips):
    ways = decode_ways.choices(32)
    np.testing.assert_array_equal(ways["dfer_jax"](clips[0][3]), ways["turbo, blocks"](clips[0][3]))
    ways = decode_ways.choices(28)  # half of the side
    scaled = ways["turbo, DCT-scaled, blocks"](clips[0][3])
    np.testing.assert_array_equal(ways["dfer_jax"](clips[0][3]), scaled)


def test_dct_scaling_takes_the_next_eighth(clips):
    assert decode_ways._scaled(32, clips[0][0]).shape == (35, 35, 3)  # 5/8 of 56
    assert decode_ways._scaled(28, clips[0][0]).shape == (28, 28, 3)
    assert decode_ways._scaled(64, clips[0][0]).shape == (56, 56, 3)


def test_movement_of_pixels_and_logits(clips):
    network = decode_ways.Network(
        size=4, frames=2, logits=lambda clip: clip[:, :2, 0, 0, 0].astype(np.float32)
    )
    ways = {
        "exact": lambda data: np.full((4, 4, 3), 10 if data in clips[0] else 30, np.uint8),
        "brighter": lambda data: np.full((4, 4, 3), 11 if data in clips[0] else 33, np.uint8),
    }
    rows, spread = decode_ways.compare(ways, clips, network)
    assert rows["exact"]["pixels_max"] == 0 and rows["exact"]["logits_max"] == 0
    assert rows["brighter"]["pixels_mean"] == 2 and rows["brighter"]["pixels_max"] == 3
    assert rows["brighter"]["logits_mean"] == 2 and rows["brighter"]["logits_max"] == 3
    assert spread == 10 and rows["brighter"]["predictions_changed"] == 0
    assert decode_ways.times(ways, clips, repeats=1)["exact"] > 0
