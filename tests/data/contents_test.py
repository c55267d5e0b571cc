"""What a data set holds: one other label is noticed, another build of the same is not."""

import os
import shutil
from pathlib import Path

import clip_dataset
import numpy as np
import pytest
import tensorflow_datasets as tfds
from clip_dataset import rebuild
from frame_caches import assert_whole, cached, place_in

from dfer_jax.data import contents
from dfer_jax.data.contents import CONTENTS_FILE, contents_of
from dfer_jax.data.frame_cache import build as frame_build
from dfer_jax.data.frame_cache.store import read_header
from dfer_jax.data.records import Records
from dfer_jax.data.source import clip_index, open_split
from dfer_jax.errors import UserError

NUM_CLIPS = len(clip_dataset.LENGTHS) + len(clip_dataset.TEST_LENGTHS)


def opened(folder):
    return tfds.builder_from_directory(Path(folder) / "clip_dataset" / "plain" / "1.0.0")


def index(folder, split):
    return clip_index(open_split(dataset="clip_dataset/plain", split=split, data_dir=str(folder)))


def test_every_single_relabel_is_noticed_and_used_at_once(tmp_path, capsys):
    rebuild(tmp_path)
    place = place_in(tmp_path, tmp_path / "cache")
    frame_build.build(place, num_processes=1)
    before, files = contents_of(opened(tmp_path)), read_header(place.folder).parts
    for clip in range(NUM_CLIPS):
        rebuild(tmp_path, relabelled=clip)
        now = contents_of(opened(tmp_path))
        assert now.labels != before.labels and now.frames == before.frames
        for split in ("train", "test"):
            found = cached(place, split).clip_index()
            np.testing.assert_array_equal(found.labels, index(tmp_path, split).labels)
        assert (now.clips.labels != before.clips.labels).sum() == 1
    capsys.readouterr()
    assert not frame_build.build(place, num_processes=1)  # no frame is decoded again
    said = capsys.readouterr().out
    assert said.startswith("labels of clip_dataset/plain/1.0.0 changed since ")
    assert said.endswith(
        "its frames are the same and stay, and labels are read from the dataset itself\n"
    )
    assert not frame_build.build(place, num_processes=1) and not capsys.readouterr().out
    assert read_header(place.folder).parts == files
    assert_whole(place)


def test_an_unchanged_build_keeps_its_cache(tmp_path, capsys):
    rebuild(tmp_path)
    place = place_in(tmp_path, tmp_path / "cache")
    frame_build.build(place, num_processes=1)
    before = contents_of(opened(tmp_path))
    rebuild(tmp_path)
    capsys.readouterr()
    now = contents_of(opened(tmp_path))
    assert (now.frames, now.labels) == (before.frames, before.labels)
    assert not frame_build.build(place, num_processes=1) and not capsys.readouterr().out
    assert_whole(place)


def test_a_single_frame_is_noticed(tmp_path):
    rebuild(tmp_path)
    place = place_in(tmp_path, tmp_path / "cache")
    frame_build.build(place, num_processes=1)
    for clip in (0, 7, 16):
        rebuild(tmp_path, repainted=clip)
        message = "holds other clips or frames than clip_dataset/plain/1.0.0 has now; build it with"
        with pytest.raises(UserError, match=message):
            cached(place, "train")
    assert frame_build.build(place, num_processes=1)
    assert_whole(place)


def test_records_are_read_once_while_the_files_stay(data_dir, tmp_path, monkeypatch):
    shutil.copytree(Path(data_dir) / "clip_dataset", tmp_path / "clip_dataset")
    first = contents_of(opened(tmp_path))
    read = []
    monkeypatch.setattr(contents, "Records", lambda *args: read.append(1) or Records(*args))
    assert contents_of(opened(tmp_path)).frames == first.frames and not read
    (shard,) = (tmp_path / "clip_dataset" / "plain" / "1.0.0").glob("*-test.array_record*")
    os.utime(shard, (1, 1))  # as if touched or copied: the same contents, told by reading them
    again = contents_of(opened(tmp_path))
    assert len(read) == 2 and (again.frames, again.labels) == (first.frames, first.labels)
    np.testing.assert_array_equal(again.clips.labels, first.clips.labels)


def test_what_was_kept_is_damaged_or_cannot_be_kept(data_dir, tmp_path, monkeypatch):
    shutil.copytree(Path(data_dir) / "clip_dataset", tmp_path / "clip_dataset")
    kept = tmp_path / "clip_dataset" / "plain" / "1.0.0" / CONTENTS_FILE
    first = contents_of(opened(tmp_path))
    for damage in (b"", b"PK\x03\x04", kept.read_bytes()[:-40]):
        kept.write_bytes(damage)
        assert contents_of(opened(tmp_path)).labels == first.labels
    kept.unlink()
    kept.mkdir()  # cannot be written, as root too
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    assert contents_of(opened(tmp_path)).labels == first.labels
    assert len(list((tmp_path / "home").rglob("*.npz"))) == 1
    assert not list(tmp_path.rglob("*.new"))
