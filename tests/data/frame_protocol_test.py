import numpy as np
import pytest

from dfer_jax.data.frame_protocol import FrameProtocol
from dfer_jax.errors import UserError

TWO_VIEWS = FrameProtocol(16, sampling="strided", frame_step=4, test_views=2)


@pytest.mark.parametrize("n", [*range(1, 90), 128, 301])
@pytest.mark.parametrize("r", [1, 4])
def test_strided_test_views_are_the_first_and_last_of_every_rth_frame(n, r):
    protocol = FrameProtocol(16, sampling="strided", frame_step=r, test_views=2)
    listed = list(range(n))[::r]
    while len(listed) < 16:
        listed.append(listed[-1])
    assert protocol.test(n).tolist() == [listed[:16], listed[-16:]]


def released_training_frames(n, r, start=None):
    """The loader's rule, as it is written down; `start` is its random number."""
    if n <= 16 * r:
        frames = np.linspace(0, n, num=n // r)
        frames = np.concatenate((frames, np.ones(16 - n // r) * n))
        return np.clip(frames, 0, n - 1).astype(np.int64)
    frames = np.linspace(start, start + 16 * r, num=16)
    return np.clip(frames, start, start + 16 * r - 1).astype(np.int64)


@pytest.mark.parametrize("n", [1, 3, 4, 15, 40, 63, 64, 65, 70, 150])
def test_strided_training_frames_are_those_of_the_released_loaders(n):
    rng, starts = np.random.default_rng(n), set()
    for _ in range(60):
        found = TWO_VIEWS.draw(n, rng)
        start = int(found[0])
        starts.add(start)
        expected = released_training_frames(n, 4, start)
        np.testing.assert_array_equal(found, expected, err_msg=f"n={n}, start {start}")
    if n > 64:
        assert min(starts) >= 0 and max(starts) <= n - 65
        assert len(starts) > min(n - 64, 20) / 2, "starts hardly vary"


def test_one_strided_view_is_the_middle_one_and_more_lie_evenly():
    one = FrameProtocol(4, sampling="strided", frame_step=2)
    assert one.test(20).tolist() == [[6, 8, 10, 12]]
    three = FrameProtocol(4, sampling="strided", frame_step=2, test_views=3)
    assert three.test(20)[:, 0].tolist() == [0, 6, 12]


@pytest.mark.parametrize("n", [3, 16, 35, 80])
def test_uniform_views_interleave_inside_the_segments(n):
    three = FrameProtocol(8, 2, test_views=3).test(n)
    assert three.shape == (3, 16) and three.min() >= 0 and three.max() < n
    np.testing.assert_array_equal(three[1:2], FrameProtocol(8, 2).test(n), "not the middle")
    assert (np.diff(three, axis=0) >= 0).all() and (n < 48 or (np.diff(three, axis=0) > 0).all())


def test_it_survives_a_checkpoint_and_older_ones_have_one_view():
    assert FrameProtocol.of(TWO_VIEWS.to_json() | {"decode_size": 8}) == TWO_VIEWS
    older = {"segments": 8, "frames_per_segment": 2, "sampling": "official", "image_size": 8}
    assert FrameProtocol.of(older) == FrameProtocol(8, 2, "official")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"sampling": "random"}, "data.sampling='random' is unknown; choose from uniform"),
        ({"view_average": "votes"}, "data.view_average='votes' is unknown; choose from prob"),
        ({"test_views": 0}, "data.test_views=0 must be at least 1"),
        ({"frame_step": 2}, "data.frame_step=2 needs data.sampling='strided'"),
        ({"sampling": "interpolated", "test_views": 2}, "has one view of a clip; choose uniform"),
    ],
)
def test_what_makes_no_sense_is_refused(fields, said):
    with pytest.raises(UserError) as caught:
        FrameProtocol(**{"segments": 4, **fields})
    assert said in str(caught.value)
