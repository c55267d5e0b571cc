import itertools

import cv2
import numpy as np
import pytest

from dfer_jax.data.check import near_duplicates
from dfer_jax.data.check.frames import hash_image
from dfer_jax.labels import CLASSES
from tfds_builders.synthetic_dfer import clips


@pytest.fixture(scope="module")
def faces():
    """The frames of rendered clips: three people, four clips of each."""
    plan = clips.SplitPlan(
        seed_name="near duplicates",
        split="train",
        clips=12,
        identities=range(3),
        shares=(1.0,) * len(CLASSES),
        frames=(14, 30),
        peaks=((1.0, (0.3, 1.0)),),
        label_noise=0.0,
        nuisance=1.0,
    )
    made = clips.make_clips(clips.plan_clips(plan), processes=1)
    return [[decode(frame) for frame in clip["frames"]] for clip in made]


def decode(frame):
    return cv2.imdecode(np.frombuffer(frame, np.uint8), cv2.IMREAD_COLOR)


def hashes(pictures, *, quality=95, brightness=1.0, side=None):
    """Hashes of pictures after they were encoded again."""
    encoded = []
    for picture in pictures:
        changed = np.clip(picture * brightness, 0, 255).astype(np.uint8)
        changed = cv2.resize(changed, (side, side)) if side else changed
        options = [cv2.IMWRITE_JPEG_QUALITY, quality]
        encoded.append(cv2.imencode(".jpg", changed, options)[1].tobytes())
    return np.stack([hash_image(frame) for frame in encoded])


CHANGES = {
    "quality 30": ({"quality": 30}, 0, 0),
    "brighter": ({"brightness": 1.1}, 0, 0),
    "darker": ({"brightness": 0.9}, 0, 0),
    "smaller": ({"side": 64}, 0, 0),
    "larger": ({"side": 200}, 0, 0),
    "cut at the start": ({}, 4, 0),
    "cut at the end": ({}, 0, 4),
    "cut at both ends": ({}, 2, 2),
    "all": ({"quality": 60, "brightness": 1.1, "side": 90}, 3, 0),
}


def sample(frames):
    return frames[near_duplicates.sample_frames(len(frames))]


@pytest.mark.parametrize("name", CHANGES)
def test_copies_are_found_and_nothing_else(faces, name):
    changes, start, end = CHANGES[name]
    originals = [hashes(pictures) for pictures in faces]
    copies = [hashes(pictures[start : len(pictures) - end], **changes) for pictures in faces]
    everything = originals + copies
    pairs, cut = near_duplicates.find_candidates(
        np.stack([sample(frames) for frames in everything]), ["train"] * 12 + ["test"] * 12
    )
    found = list(near_duplicates.confirm(pairs.tolist(), hashes=everything.__getitem__))
    assert not cut
    assert [(pair.first, pair.second) for pair in found] == [(n, n + 12) for n in range(12)]
    assert max(pair.distance for pair in found) <= near_duplicates.LARGEST_DISTANCE


def test_clips_of_one_person_are_far_apart(faces):
    frames = [hashes(pictures) for pictures in faces]
    distances = [
        near_duplicates.clip_distance(one, other)
        for one, other in itertools.combinations(frames, 2)
    ]
    assert min(distances) > 2 * near_duplicates.LARGEST_DISTANCE


def test_clips_that_share_most_frames_are_close_and_the_order_does_not_matter():
    frames = np.random.default_rng(0).integers(0, 2**64, (20, 4), dtype=np.uint64)
    first, second = frames[:14], frames[4:]
    assert near_duplicates.clip_distance(first, second) == 0
    assert near_duplicates.clip_distance(second, first) == 0
    assert near_duplicates.clip_distance(frames[:10], frames[7:]) > 80
    assert near_duplicates.clip_distance(frames[:1], frames) == 0


def test_half_of_the_bits_are_set_and_none_for_a_flat_picture():
    rng = np.random.default_rng(0)
    assert np.bitwise_count(near_duplicates.frame_hash(picture(rng))).sum() in range(120, 137)
    flat = rng.integers(100, 102, (50, 70)).astype(np.uint8)
    assert not near_duplicates.frame_hash(flat).any()


def picture(rng):
    coarse = rng.integers(0, 256, (20, 20)).astype(np.uint8)
    return cv2.resize(coarse, (100, 80))


def test_flat_frames_are_equal_to_nothing():
    flat = np.zeros((8, 4), np.uint64)
    assert near_duplicates.clip_distance(flat, flat) == 256
    pairs, _ = near_duplicates.find_candidates(np.zeros((4, 5, 4), np.uint64), list("abab"))
    assert len(pairs) == 0


def test_candidates_are_those_of_a_plain_comparison(monkeypatch):
    monkeypatch.setattr(near_duplicates, "_ROWS", 3)
    rng = np.random.default_rng(0)
    base = rng.integers(0, 2**64, (10, 5, 4), dtype=np.uint64)
    samples = base[rng.integers(0, 10, 40)]
    flips = rng.integers(0, 2**64, (40, 5, 4), dtype=np.uint64)
    for _ in range(2):  # a quarter of a quarter of the bits differ
        flips &= rng.integers(0, 2**64, (40, 5, 4), dtype=np.uint64)
    samples = samples ^ flips
    splits = [f"fd{number}" for number in rng.integers(1, 4, 40)]
    crossed = samples[:, None, :, None] ^ samples[None, :, None, :]  # [clips, clips, 5, 5, words]
    near = np.bitwise_count(crossed).sum(-1).min((-1, -2)) <= 48
    expected = [
        (i, j)
        for i, j in itertools.combinations(range(40), 2)
        if near[i, j] and splits[i] != splits[j]
    ]
    pairs, cut = near_duplicates.find_candidates(samples, splits, threads=2)
    assert 10 < len(expected) < 400 and not cut
    assert list(map(tuple, pairs.tolist())) == expected


def test_too_many_candidates_leave_the_closest(monkeypatch):
    monkeypatch.setattr(near_duplicates, "_MOST_PAIRS", 5)
    rng = np.random.default_rng(0)
    one = rng.integers(0, 2**64, (5, 4), dtype=np.uint64)
    samples = np.stack([one] * 20)
    samples[3:, :, 0] ^= np.uint64(7)
    samples[3:10, :, 1] ^= np.uint64(1)
    splits = ["train"] * 10 + ["test"] * 10
    pairs, cut = near_duplicates.find_candidates(samples, splits)
    assert cut and len(pairs) == 5
    assert all(3 <= first < 10 for first, _ in pairs.tolist())


@pytest.mark.parametrize(
    ("frames", "sampled"), [(1, [0] * 5), (2, [0, 0, 1, 1, 1]), (32, [2, 8, 16, 24, 30])]
)
def test_sampled_frames_lie_near_the_ends_and_in_the_middle(frames, sampled):
    assert near_duplicates.sample_frames(frames) == sampled


def test_nothing_to_compare():
    pairs, cut = near_duplicates.find_candidates(np.zeros((0, 5, 4), np.uint64), [])
    assert pairs.shape == (0, 2) and not cut
    assert list(near_duplicates.confirm([], hashes=lambda index: None)) == []
