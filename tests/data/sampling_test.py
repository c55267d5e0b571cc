import numpy as np
import pytest

from dfer_jax.data.sampling import sample_frames
from dfer_jax.errors import UserError

SHAPES = [(16, 1), (8, 2), (4, 4), (5, 3), (1, 1), (1, 16)]
LENGTHS = range(1, 41)


def draws(count, num_frames, **kwargs):
    rng = np.random.default_rng(num_frames)
    return np.stack([sample_frames(num_frames, rng=rng, **kwargs) for _ in range(count)])


@pytest.mark.parametrize("policy", ["uniform", "official"])
@pytest.mark.parametrize(("u", "v"), SHAPES)
def test_every_index_is_a_frame_of_the_clip(u, v, policy):
    for n in LENGTHS:
        options = {"segments": u, "frames_per_segment": v, "policy": policy}
        for frames in (sample_frames(n, **options), *draws(20, n, **options)):
            assert frames.shape == (u * v,) and frames.dtype == np.int64
            assert frames.min() >= 0 and frames.max() < n


@pytest.mark.parametrize(("u", "v"), SHAPES)
def test_uniform_keeps_time_running_forwards(u, v):
    for n in LENGTHS:
        options = {"segments": u, "frames_per_segment": v}
        for frames in (sample_frames(n, **options), *draws(20, n, **options)):
            assert (np.diff(frames) >= 0).all()


@pytest.mark.parametrize(("u", "v"), [(16, 1), (8, 2), (4, 4), (5, 3)])
def test_uniform_test_frames(u, v):
    for n in LENGTHS:
        frames = sample_frames(n, segments=u, frames_per_segment=v)
        counts = np.bincount(frames, minlength=n)
        if n <= u * v:  # every frame, all equally often up to one
            assert counts.min() >= 1 and counts.max() - counts.min() <= 1
        else:  # V neighbours in each segment, none twice, mirrored in time up to rounding
            assert counts.max() == 1
            starts = frames.reshape(u, v)
            np.testing.assert_array_equal(starts - starts[:, :1], np.tile(np.arange(v), (u, 1)))
            assert np.abs(frames + frames[::-1] - (n - 1)).max() <= 1
        if n > 1:
            assert frames[0] != frames[-1]
        if n == u * v:
            np.testing.assert_array_equal(frames, np.arange(n))
        if v == 1:
            expected = [int(np.floor((i + 0.5) * n / u)) for i in range(u)]
            np.testing.assert_array_equal(frames, expected)


@pytest.mark.parametrize(("u", "v"), [(16, 1), (8, 2), (5, 3)])
def test_uniform_training_reaches_every_frame_and_is_never_a_still(u, v):
    for n in LENGTHS:
        drawn = draws(400, n, segments=u, frames_per_segment=v)
        assert set(drawn.reshape(-1)) == set(range(n))
        if n > 1:
            assert (drawn.min(axis=1) < drawn.max(axis=1)).all()
        if n >= u * v:
            starts = drawn.reshape(-1, u, v)
            edges = np.arange(u + 1) * n / u
            assert (starts[..., 0] >= np.floor(edges[:-1])).all()
            assert (starts[..., -1] <= np.ceil(edges[1:]) - 1).all()


@pytest.mark.parametrize("n", [5, 16, 23, 37])
def test_uniform_training_draws_every_frame_equally_often(n):
    drawn = draws(4000, n, segments=16)
    share = np.bincount(drawn.reshape(-1), minlength=n) / 4000
    np.testing.assert_allclose(share, 16 / n, atol=0.05)


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        (1, [0] * 16),
        (15, [0] * 16),
        (16, [0] * 16),
        (17, [0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16]),
        (20, [0, 1, 3, 4, 5, 6, 8, 9, 10, 11, 13, 14, 15, 16, 18, 19]),
        (32, list(range(1, 32, 2))),
        (71, [2, 6, 11, 15, 19, 24, 28, 33, 37, 42, 46, 51, 55, 59, 64, 68]),
    ],
)
def test_official_test_frames_16x1(n, expected):
    frames = sample_frames(n, segments=16, policy="official")
    np.testing.assert_array_equal(frames, expected)


@pytest.mark.parametrize(
    ("n", "starts"),
    [
        (9, [0] * 8),
        (10, [0, 1, 2, 3, 5, 6, 7, 8]),
        (12, [0, 2, 3, 4, 6, 7, 8, 10]),
        (28, [1, 5, 8, 11, 15, 18, 21, 25]),
    ],
)
def test_official_test_frames_8x2(n, starts):
    frames = sample_frames(n, segments=8, frames_per_segment=2, policy="official")
    np.testing.assert_array_equal(frames.reshape(8, 2), np.stack([starts, np.add(starts, 1)], 1))


def test_official_training_floors_the_width():
    for n in range(16, 32):  # width 1: no jitter, nothing after frame 15
        frames = draws(5, n, segments=16, policy="official")
        np.testing.assert_array_equal(frames, np.tile(np.arange(16), (5, 1)))
    seen = draws(300, 40, segments=16, policy="official")
    assert set(seen.reshape(-1)) == set(range(32))
    assert (seen // 2 == np.arange(16)).all()


def test_official_training_of_short_clips():
    assert not draws(20, 15, segments=16, policy="official").any()
    # fewer start positions (6) than segments, more frames: sorted random starts
    frames = draws(200, 9, segments=8, frames_per_segment=4, policy="official")
    starts = frames.reshape(200, 8, 4)[..., 0]
    assert (np.diff(starts) >= 0).all() and set(starts.reshape(-1)) == set(range(6))
    # 8 frames are not more than 8 segments: zeros and their neighbours
    frames = draws(20, 8, segments=8, frames_per_segment=2, policy="official")
    np.testing.assert_array_equal(frames, np.tile([0, 1], (20, 8)))


@pytest.mark.parametrize(
    ("num_frames", "options", "words"),
    [
        (0, {"segments": 16}, "at least one frame"),
        (5, {"segments": 0}, "at least 1"),
        (5, {"segments": 2, "frames_per_segment": 0}, "at least 1"),
        (5, {"segments": 2, "policy": "random"}, "uniform, official"),
    ],
)
def test_bad_arguments(num_frames, options, words):
    with pytest.raises(UserError, match=words):
        sample_frames(num_frames, **options)


@pytest.mark.parametrize("num_frames", [10, 64, 200])
def test_grid_takes_the_start_of_each_segment(num_frames):
    found = sample_frames(num_frames, segments=64, policy="grid")
    assert found.tolist() == [int(num_frames * i / 64) for i in range(64)]
    views = [
        sample_frames(num_frames, segments=64, policy="grid", rng=np.random.default_rng(seed))
        for seed in range(2)
    ]
    assert (num_frames < 65) or (views[0] != views[1]).any()


def test_padded_repeats_the_last_frame_of_short_clips_alone():
    for n in range(1, 301):
        found = sample_frames(n, segments=16, policy="padded").tolist()
        if n > 16:
            assert found == [int(n / 32 + x * n / 16) for x in range(16)], n
        else:
            assert found == [*range(n), *[n - 1] * (16 - n)], n
