"""Features kept on disk: found again, computed anew for other weights, resumed after a kill."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import frame_dataset
import numpy as np
import pytest
import small_disk
from frame_dataset import rebuild

from dfer_jax.errors import UserError
from dfer_jax.frames import features, packed
from dfer_jax.frames.batches import FeatureReader, PictureReader, frames_in_order

WIDTH = 6


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    name = frame_dataset.build(str(path), "both")
    return packed.open_packed(dataset=name, split="train", data_dir=str(path))


class Kill(BaseException):
    """What ends a process, Ctrl-C or worse."""


def compute(pictures):
    """A small, exact function of a picture: means of three rows and their squares."""
    means = pictures[:, (3, 12, 25)].astype(np.float64).mean(axis=(2, 3))
    return np.concatenate([means, means**2], axis=1).astype(np.float32)


def batches(frames, start):
    return frames_in_order(PictureReader(frames, 32), start, batch_size=10, num_workers=0)


def expected(frames):
    whole = [compute(pictures)[:count] for pictures, count in batches(frames, 0)]
    return np.concatenate(whole)


def all_of(file):
    return file.read(np.arange(len(file)))


def extract(frames, path, **changes):
    arguments = {"width": WIDTH, "dtype": "float32"} | changes
    run = arguments.pop("compute", compute)
    features.extract(frames, path, run, lambda start: batches(frames, start), **arguments)


def test_features_of_every_frame_in_its_row(frames, tmp_path):
    path = tmp_path / "features" / "train.npy"
    about = {"width": WIDTH, "dtype": "float32"}
    assert features.open_features(frames, path, **about) is None
    extract(frames, path)
    np.testing.assert_array_equal(
        all_of(features.open_features(frames, path, **about)), expected(frames)
    )
    rows = np.array([[5, 0, 5], [100, 101, 7]])
    np.testing.assert_array_equal(FeatureReader(str(path))(rows), expected(frames)[rows])
    assert features.open_features(frames, path, width=7, dtype="float32") is None


def test_features_that_are_cut_short_are_named_under_a_run_and_computed_again(frames, tmp_path):
    path, about = tmp_path / "train.npy", {"width": WIDTH, "dtype": "float32"}
    extract(frames, path)
    read = FeatureReader(str(path))
    read(np.array([[0]]))
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(UserError, match=rf"^{path} has been cut short .*; delete it and run the"):
        read(np.array([[len(frames) - 1]]))
    assert features.open_features(frames, path, **about) is None
    extract(frames, path)
    np.testing.assert_array_equal(np.load(path), expected(frames))


def test_a_disk_that_fills_up_is_said_and_the_same_call_goes_on(frames, tmp_path):
    with small_disk.mounted(tmp_path / "small", "64k") as small:
        path, filled = small / "train.npy", []

        def fills_it(pictures):
            filled.append(small_disk.fill(small))
            return compute(pictures)

        with pytest.raises(
            UserError, match=r"small/train.*: No space left on device \(.* free\); nothing"
        ):
            extract(frames, path, compute=fills_it)
        os.unlink(filled[0])
        extract(frames, path)
        np.testing.assert_array_equal(np.load(path), expected(frames))


@pytest.mark.parametrize("killed_at", [1, 3, 9])
def test_a_kill_costs_little_and_never_correctness(killed_at, frames, tmp_path, monkeypatch):
    monkeypatch.setattr(features, "_SAVE_EVERY", 2)
    path, calls = tmp_path / "train.npy", []

    def dies(pictures):
        calls.append(len(pictures))
        if len(calls) == killed_at:
            raise Kill
        return compute(pictures)

    with pytest.raises(Kill):
        extract(frames, path, compute=dies)
    assert features.open_features(frames, path, width=WIDTH, dtype="float32") is None
    done = len(calls) - 1
    extract(frames, path, compute=lambda pictures: calls.append(0) or compute(pictures))
    np.testing.assert_array_equal(np.load(path), expected(frames))
    total = -(-len(frames) // 10)
    assert len(calls) - killed_at == total - done // 2 * 2  # goes on after what was saved


def test_a_kill_between_the_moves_leaves_nothing_in_the_end(frames, tmp_path, monkeypatch):
    path, moved = tmp_path / "train.npy", []

    def dies(*names):
        if moved:
            raise Kill
        moved.append(os.rename(*names))

    with monkeypatch.context() as patch, pytest.raises(Kill):
        patch.setattr(features.os, "replace", dies)
        extract(frames, path)
    extract(frames, path)
    np.testing.assert_array_equal(np.load(path), expected(frames))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["train.json", "train.lock", "train.npy"]


def test_half_precision_stays_finite(frames, tmp_path):
    path = tmp_path / "train.npy"
    extract(frames, path, dtype="float16", compute=lambda pictures: 1e3 * compute(pictures))
    kept = all_of(features.open_features(frames, path, width=WIDTH, dtype="float16"))
    wanted = np.clip(1e3 * expected(frames), -65504, 65504)
    assert np.isfinite(kept).all() and wanted.max() == 65504
    np.testing.assert_allclose(kept, wanted, rtol=1e-3)


def test_other_weights_or_sizes_have_other_names():
    backbone = {"params": {"w": np.ones(3, np.float32)}}
    name = features.checksum(backbone, {"image_size": 32})
    assert name == features.checksum({"params": {"w": np.ones(3, np.float32)}}, {"image_size": 32})
    assert name != features.checksum(backbone, {"image_size": 64})
    assert name != features.checksum(
        {"params": {"w": np.full(3, 2, np.float32)}}, {"image_size": 32}
    )


def test_two_runs_compute_them_once(frames, tmp_path):
    path, calls = tmp_path / "train.npy", []

    def slowly(pictures):
        calls.append(len(pictures))
        time.sleep(0.02)
        return compute(pictures)

    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(extract, frames, path, compute=slowly) for _ in range(2)]
        [each.result() for each in both]
    assert len(calls) == -(-len(frames) // 10)
    np.testing.assert_array_equal(np.load(path), expected(frames))


def test_features_outlive_other_labels_and_an_unchanged_build_but_not_another_frame(tmp_path):
    arguments = {"width": WIDTH, "dtype": "float32"}
    kept = tmp_path / "features" / "train.npy"

    def opened(**changes):
        rebuild(tmp_path, **changes)
        return packed.open_packed(
            dataset="frame_dataset/both", split="train", data_dir=str(tmp_path)
        )

    extract(opened(), kept)
    for changes in ({}, {"relabelled": 0}, {"relabelled": 5}):
        assert features.open_features(opened(**changes), kept, **arguments) is not None
    assert features.open_features(opened(repainted=4), kept, **arguments) is None
