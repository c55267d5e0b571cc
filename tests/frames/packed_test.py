"""Packed frames: every picture as it was stored, every label by name, nothing packed twice."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import frame_dataset
import numpy as np
import pytest
import small_disk
from frame_dataset import rebuild

from dfer_jax.errors import UserError
from dfer_jax.frames import packed
from dfer_jax.labels import EXPRESSIONS

LENGTHS = frame_dataset.LENGTHS


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    for config in ("both", "expr", "broken"):
        frame_dataset.build(str(path), config)
    return str(path)


def opened(data_dir, split="train", *, config="both", **options):
    return packed.open_packed(
        dataset=f"frame_dataset/{config}", split=split, data_dir=str(data_dir), **options
    )


def test_index_holds_every_frame_with_its_number_and_labels(data_dir):
    index = opened(data_dir).index
    assert len(index) == sum(LENGTHS)
    assert sorted(index.clip_ids.tolist()) == [f"video{i}" for i in range(len(LENGTHS))]
    for name, rows in index.videos:
        video = int(name.removeprefix("video"))
        length = LENGTHS[video]
        assert rows.stop - rows.start == length
        labels = frame_dataset.stored_labels(video, length)
        np.testing.assert_array_equal(
            index.numbers[rows], frame_dataset.frame_numbers(video, length)
        )
        np.testing.assert_array_equal(index.expressions[rows], frame_dataset.canonical(labels))
        np.testing.assert_array_equal(index.action_units[rows], frame_dataset.action_units(labels))


def test_other_counts_only_where_it_is_a_class(data_dir):
    index = opened(data_dir).index
    labels, without = index.labels("expressions", with_other=False)
    with_other = index.labels("expressions", with_other=True)[1]
    assert (with_other & ~without).sum() == (labels == EXPRESSIONS.index("other")).sum() > 0
    np.testing.assert_array_equal(with_other, labels >= 0)
    with pytest.raises(UserError, match="has no labels of action_units"):
        opened(data_dir, config="expr").index.labels("action_units", with_other=False)


def test_pictures_are_those_of_the_data_set_in_any_order(data_dir):
    frames = opened(data_dir, "train+test")
    start = dict(frames.index.videos)["video4"].start
    rows = np.array([start + 5, start, start, start + 25])
    found = frames.read(rows, np.empty((4, frame_dataset.SIZE, frame_dataset.SIZE, 3), np.uint8))
    bars = found[..., 2].astype(int).mean(axis=2).argmax(axis=1)  # the frame's blue bar
    assert np.abs(bars - np.array([5, 0, 0, 25])).max() <= 1
    np.testing.assert_array_equal(found[1], found[2])


def test_pictures_that_are_cut_short_under_a_run_are_named(data_dir, tmp_path):
    frames = opened(data_dir, cache_dir=str(tmp_path))
    out = np.empty((1, frame_dataset.SIZE, frame_dataset.SIZE, 3), np.uint8)
    frames.read(np.array([0]), out)
    (pictures,) = tmp_path.rglob("*.jpegs")
    os.truncate(pictures, 100)
    with pytest.raises(
        UserError, match=rf"{pictures} has been cut short to 100 bytes, of which .*; del"
    ):
        frames.read(np.array([0]), out)


def test_packed_once_and_again_for_another_build(data_dir, tmp_path, capsys):
    cache = str(tmp_path)
    first = opened(data_dir, cache_dir=cache)
    assert "packing the frames" in capsys.readouterr().out
    again = opened(data_dir, cache_dir=cache)
    assert again == first and not capsys.readouterr().out
    with open(first.path.replace(".npz", ".jpegs"), "r+b") as file:
        file.truncate(100)  # cut short, as by a full disk
    opened(data_dir, cache_dir=cache)
    assert "packing the frames" in capsys.readouterr().out


def test_one_other_label_or_frame_is_packed_anew_an_unchanged_build_is_not(tmp_path, capsys):
    cache = str(tmp_path / "cache")
    rebuild(tmp_path)
    first = opened(tmp_path, cache_dir=cache)
    labels = first.index.expressions
    written = Path(first.path).stat().st_mtime_ns
    rebuild(tmp_path)
    assert opened(tmp_path, cache_dir=cache).checksum == first.checksum
    assert Path(first.path).stat().st_mtime_ns == written
    for video in range(len(LENGTHS)):
        rebuild(tmp_path, relabelled=video)
        capsys.readouterr()
        now = opened(tmp_path, cache_dir=cache)
        said = capsys.readouterr().out
        assert "labels of frame_dataset/both/1.0.0 changed since its frames were packed\n" in said
        assert now.checksum == first.checksum  # what was computed of the frames stays good
        assert (now.index.expressions != labels).sum() == 1
    rebuild(tmp_path, repainted=2)
    capsys.readouterr()
    now = opened(tmp_path, cache_dir=cache)
    assert "clips or frames of frame_dataset/both/1.0.0 changed" in capsys.readouterr().out
    assert now.checksum != first.checksum


def test_several_runs_pack_them_once_and_leave_nothing_else(tmp_path, capsys):
    frame_dataset.build(str(tmp_path), "both")
    folder = Path(opened(tmp_path).path).parent
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "train.jpegs.new").write_bytes(b"of a run that was killed")
    with ThreadPoolExecutor(3) as pool:
        packings = [pool.submit(opened, tmp_path) for _ in range(3)]
        assert len({len(packing.result()) for packing in packings}) == 1
    assert capsys.readouterr().out.count("packing the frames") == 2, "before, and once"
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["train.jpegs", "train.lock", "train.npz"]


def test_a_damaged_record_and_a_full_disk_are_one_sentence(tmp_path):
    frame_dataset.build(str(tmp_path / "data"), "both")
    with small_disk.mounted(tmp_path / "small", "64k") as small:
        small_disk.fill(small)
        with pytest.raises(
            UserError, match=rf"^{small}/.* has 0\.0 MB free, the frames of train take about"
        ):
            opened(tmp_path / "data", cache_dir=str(small))
    (shard,) = (tmp_path / "data").rglob("*-train.array_record*")
    os.truncate(shard, shard.stat().st_size // 2)
    with pytest.raises(UserError, match=rf"cannot be read from {shard} \(.*; bring the file back"):
        opened(tmp_path / "data")


def test_what_is_not_there_is_said(data_dir):
    with pytest.raises(UserError, match="has no split 'validation'; its splits are train, test"):
        opened(data_dir, "validation")
    frames = opened(data_dir, config="broken")
    row = dict(frames.index.videos)["video2"].start + 3
    with pytest.raises(UserError, match=r"frame 3 \(counted from 0\) of clip video2"):
        frames.read(np.array([row]), np.empty((1, 32, 32, 3), np.uint8))


def test_a_data_set_of_clips_is_refused(tmp_path):
    import clip_dataset

    name = clip_dataset.build(str(tmp_path), "plain")
    with pytest.raises(UserError, match="has no label for each frame"):
        packed.open_packed(dataset=name, split="train", data_dir=str(tmp_path))
