"""Clips are found under the names that people and programs give them."""

import pytest
from release_trees.named import touch

from dfer_jax.errors import UserError
from tfds_builders.folds import Entry
from tfds_builders.mafw.clips import list_clips
from tfds_builders.mafw.release import clips, walk

NUMBERS = (7, 25, 20098)


@pytest.mark.parametrize(
    "form",
    ["{:05d}/0.png", "{:d}/0.png", "{:06d}/0.png", "{:05d}_faces/0.png", "{:05d}-aligned/0.png",
     "frames/frames/{:05d}/{:05d}/0.png", "{:05d}/frames/0.png", "{:05d}.mp4/0.png"],
)  # fmt: skip
def test_folders_of_frames(tmp_path, form):
    touch([tmp_path / form.format(number, number) for number in NUMBERS])
    tree = walk(tmp_path)
    found = clips(tree, source="frames")
    assert sorted(found) == list(NUMBERS)
    entries = {number: Entry(1, "anger") for number in NUMBERS}
    listing = list_clips(tree, found, entries, source="frames")
    assert [clip.id for clip in listing.clips] == [f"{number:05d}" for number in NUMBERS]
    assert {clip.frames for clip in listing.clips} == {("0.png",)} and not tree.problems


@pytest.mark.parametrize(
    "form", ["{0:05d}.mp4", "{0:d}.MP4", "unzip/{0:06d}.avi", "{0:05d}/{0}.mp4"]
)
def test_videos(tmp_path, form):
    touch([tmp_path / form.format(number) for number in NUMBERS])
    assert sorted(clips(walk(tmp_path), source="clips")) == list(NUMBERS)


def test_folders_of_landmarks_are_no_clips(tmp_path):
    for kind in ("frames/{:05d}/0.png", "Labels (auto)/landmarks/{:05d}/0.txt"):
        touch([tmp_path / kind.format(number) for number in NUMBERS])
    found = clips(walk(tmp_path), source="frames")
    assert found == {number: tmp_path / "frames" / f"{number:05d}" for number in NUMBERS}


def test_folders_of_few_digits_without_images_are_no_clips(tmp_path):
    touch([tmp_path / "1" / "00025" / "0.png", tmp_path / "2" / "00026" / "0.png"])
    assert sorted(clips(walk(tmp_path), source="frames")) == [25, 26]


@pytest.mark.parametrize("form", ["frames/{:05d}_0001.png", "clip_{:05d}/0.png"])
def test_numbers_in_longer_names_are_told(tmp_path, form):
    touch([tmp_path / form.format(number) for number in NUMBERS])
    message = (
        r"only 3 folders or files with a clip's number in longer names \(.*00007.*, \.\.\.\): "
    )
    with pytest.raises(
        UserError, match=message + "name the folder of each clip by its number alone"
    ):
        clips(walk(tmp_path), source="frames")


def test_a_clip_with_and_without_zeros_is_there_twice(tmp_path):
    touch([tmp_path / "00025" / "0.png", tmp_path / "25" / "0.png"])
    tree = walk(tmp_path)
    assert tree.problems == ["clip 00025 has two folders, 00025 and 25: remove one"]
