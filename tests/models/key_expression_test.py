"""Index tables written by hand, and the rules they come from."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfer_jax.models.key_expression import (
    detail_indices,
    evenly_spaced_instants,
    gather_frames,
    key_instants,
    synopsis_indices,
)

SYNOPSIS = {
    64: [0, 4, 8, 12, 16, 21, 25, 29, 33, 37, 42, 46, 50, 54, 58, 63],
    32: [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 31],
    16: list(range(16)),
    4: [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3],
}


def _instants(scores, count):
    scores = jnp.asarray([scores], jnp.float32)
    return jax.jit(functools.partial(key_instants, count=count))(scores)[0].tolist()


@pytest.mark.parametrize("num_frames", SYNOPSIS)
def test_synopsis(num_frames):
    found = synopsis_indices(num_frames, num_clips=2)
    assert found.dtype == jnp.int32 and found.tolist() == [SYNOPSIS[num_frames]] * 2


@pytest.mark.parametrize(("num_frames", "most"), [(64, 2), (32, 1), (16, 0)])
def test_moved_synopsis_stays_in_order_and_in_the_video(num_frames, most):
    still = synopsis_indices(num_frames, num_clips=200)
    moved = synopsis_indices(num_frames, num_clips=200, key=jax.random.key(0))
    moves = np.asarray(moved - still)
    assert set(np.unique(moves[:, :-1])) == set(range(most + 1)) and not moves[:, -1].any()
    assert (np.diff(moved, axis=1) > 0).all() and int(moved.max()) == num_frames - 1
    again = synopsis_indices(num_frames, num_clips=200, key=jax.random.key(0))
    np.testing.assert_array_equal(moved, again)


def test_instants_are_the_strongest_local_maxima():
    #         0    1    2    3    4    5    6    7    8    9    10   11   12   13   14   15
    scores = [0.3, 0.2, 0.1, 0.6, 0.9, 0.8, 0.1, 0.2, 0.1, 0.4, 0.5, 0.3, 0.0, 0.1, 0.2, 0.7]
    assert _instants(scores, 4) == [4, 15, 10, 0]
    assert _instants(scores, 1) == [4]
    assert _instants(scores, 7) == [4, 15, 10, 0, 7, 5, 3]  # five maxima, then the next best


def test_ends_count_and_missing_maxima_are_filled_with_the_next_best():
    rising = np.arange(16) / 16
    assert _instants(rising, 4) == [15, 14, 13, 12]
    assert _instants(rising[::-1], 4) == [0, 1, 2, 3]
    assert _instants([0.0, 0.0, 1.0, 0.5], 3) == [2, 0, 3]


def test_of_equal_instants_the_first_counts():
    assert _instants([0.1, 0.7, 0.7, 0.2, 0.7, 0.1], 3) == [1, 4, 2]
    assert _instants([0.5] * 16, 4) == [0, 1, 2, 3]


def test_each_clip_has_its_own_instants():
    scores = np.random.default_rng(0).uniform(size=(20, 16)).astype(np.float32)
    whole = np.asarray(key_instants(jnp.asarray(scores), count=4))
    alone = jax.jit(functools.partial(key_instants, count=4))
    for i in range(20):
        assert whole[i].tolist() == alone(scores[i : i + 1])[0].tolist()
        assert len(set(whole[i].tolist())) == 4 and whole[i, 0] == scores[i].argmax()


def test_details_around_an_instant():
    found = detail_indices(jnp.array([[7], [5]]), num_frames=64, stride=2)
    # 7 * 63 / 15 = 29.4: 26.4, 28.4, 30.4, 32.4; 5 * 63 / 15 = 21: 18, 20, 22, 24
    assert found.dtype == jnp.int32 and found.tolist() == [[27, 29, 31, 33], [18, 20, 22, 24]]
    wide = detail_indices(jnp.array([[7]]), num_frames=64, stride=7)
    assert wide.tolist() == [[19, 26, 33, 40]]  # 18.9, 25.9, 32.9, 39.9


def test_details_beyond_the_ends_are_clamped():
    found = detail_indices(jnp.array([[0, 15]]), num_frames=64, stride=2)
    assert found.tolist() == [[0, 0, 1, 3, 60, 62, 63, 63]]
    one = detail_indices(jnp.array([[0, 15]]), num_frames=1, stride=2)
    assert one.tolist() == [[0] * 8]


@pytest.mark.parametrize("num_frames", [16, 32, 64])
@pytest.mark.parametrize("stride", [1, 2, 5])
def test_details_follow_the_formula(num_frames, stride):
    found = detail_indices(jnp.arange(16)[None], num_frames=num_frames, stride=stride)
    for t, clip in enumerate(np.asarray(found).reshape(16, 4)):
        exact = t * (num_frames - 1) / 15 + (np.arange(4) - 1.5) * stride
        expected = np.clip(np.ceil(np.round(exact, 9)), 0, num_frames - 1)
        np.testing.assert_array_equal(clip, expected)


def test_details_are_clip_after_clip():
    instants = jnp.array([[10, 2, 5, 13]])
    found = detail_indices(instants, num_frames=64, stride=2).reshape(4, 4)
    for clip, instant in zip(found, instants[0], strict=True):
        alone = detail_indices(instant[None, None], num_frames=64, stride=2)
        np.testing.assert_array_equal(clip, alone[0])


@pytest.mark.parametrize(("count", "expected"), [(4, [2, 6, 10, 14]), (1, [8]), (2, [4, 12])])
def test_evenly_spaced_instants(count, expected):
    assert evenly_spaced_instants(num_clips=3, count=count).tolist() == [expected] * 3


def test_gathered_frames_are_those_of_their_clip_in_order():
    clips = jnp.arange(2 * 8).reshape(2, 8, 1, 1, 1) * jnp.ones((1, 1, 2, 3, 3), jnp.int32)
    found = gather_frames(clips, jnp.array([[7, 0, 0], [1, 6, 2]]))
    assert found.shape == (2, 3, 2, 3, 3)
    assert found[:, :, 1, 2, 0].tolist() == [[7, 0, 0], [9, 14, 10]]
