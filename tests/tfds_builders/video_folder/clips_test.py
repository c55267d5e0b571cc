import hashlib
import os
import re
import unicodedata

import pytest
from video_files import picture, write_video

from dfer_jax.errors import UserError
from tfds_builders.tree import Tree
from tfds_builders.video_folder.clips import prepare, walk

NAMES = [f"v{number}.mp4" for number in range(10)]
HALF = "".join(f"{name},{'happy' if at < 5 else 'sad'}\n" for at, name in enumerate(NAMES))


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("video") / "v.mp4", [picture(0)] * 2)


def lay(video, path):
    """Puts the video at a path, with a box of its own at the end: no two are copies."""
    path.write_bytes(video.read_bytes() + b"\0\0\0\x28free" + hashlib.sha256(bytes(path)).digest())


@pytest.fixture
def root(tmp_path, video):
    """Ten videos, five of each of two classes, and their table."""
    for name in NAMES:
        lay(video, tmp_path / name)
    label(tmp_path, HALF)
    return tmp_path


def label(root, rows, *, header="path,label"):
    (root / "labels.csv").write_text(f"{header}\n{rows}", encoding="utf-8")


def images(folder, names):
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_bytes(b"")


def problems(root, **kwargs):
    return prepare(root, **({"allow_missing": False} | kwargs)).problems


def test_videos_and_frame_folders_are_found_at_any_depth(tmp_path, video):
    images(tmp_path / "a" / "frames.one", ["1.jpg", "10.jpg", "2.jpg"])
    (tmp_path / "b" / "c").mkdir(parents=True)
    lay(video, tmp_path / "b" / "c" / "X.MOV")
    (tmp_path / "b" / "notes.txt").write_text("")
    (tmp_path / "._v.mp4").write_text("")
    found, links = walk(Tree(tmp_path))
    assert found == {
        "a/frames.one": tmp_path / "a" / "frames.one",
        "b/c/X.MOV": tmp_path / "b" / "c" / "X.MOV",
    }
    assert not links


def test_clips_as_the_table_says(root):
    images(root / "frames.one", ["1.jpg", "10.jpg", "2.jpg"])
    label(root, HALF + "frames.one,joy\n")
    state = prepare(root, allow_missing=False)
    clips = {clip.id: clip for clip in state.listing.clips}
    assert not state.problems and state.splits == ("train", "test")
    assert set(clips) == {*(name[:-4] for name in NAMES), "frames.one"}
    folder, video = clips["frames.one"], clips["v7"]
    assert folder.frames == ("1.jpg", "2.jpg", "10.jpg") and folder.label == "happiness"
    assert folder.features == {"group": "", "fps": 0.0} and folder.video is None
    assert video.label == "sadness" and video.video.expected_frames == 2
    assert [clip.split for clip in clips.values()].count("test") == 2


def test_splits_and_groups_of_the_table(root):
    splits = ["train", "test", "val"] * 3 + ["train"]
    rows = [f"{row},{split},{split}\n" for row, split in zip(HALF.split(), splits, strict=True)]
    label(root, "".join(rows), header="path,label,split,group")
    state = prepare(root, allow_missing=False)
    assert not state.problems
    (warning,) = state.warnings
    assert warning.startswith("only 3 test clips: a score on so few measures next to nothing")
    assert state.splits == ("train", "test", "validation")
    got = {clip.id: (clip.split, clip.features["group"]) for clip in state.listing.clips}
    assert got["v0"] == ("train", "train") and got["v2"] == ("validation", "val")


def test_a_group_on_both_sides_is_a_problem(root):
    rows = [f"{row},{'train' if at % 2 else 'test'},anna\n" for at, row in enumerate(HALF.split())]
    label(root, "".join(rows), header="path,label,split,group")
    (problem,) = problems(root)
    assert "group 'anna' is in several splits: test (lines 2, 4" in problem


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("take_2.mp4", r"line 12: take_2.mp4 is not there; did you mean a/take_02.mp4\?"),
        ("Take_02.MP4", "did you mean a/take_02.mp4"),
        ("take_02", "did you mean a/take_02.mp4"),
        ("v11.mp4", "v11.mp4 is not there$"),  # its like are in other rows
        ("nothing/like/it.avi", "it.avi is not there$"),
        ("labels.csv", "labels.csv is no video by its suffix"),
        ("empty", "empty is a folder without images; it is empty$"),
        ("bare", "bare is a folder without images by their suffix; name its files with one, as "
         "0001.jpg$"),
        ("nested", "nested is a folder without images; if they are in nested/frames, name that$"),
        (
            "scans",
            r"scans is a folder without images that can be read; convert its .tif files, as with "
            r"magick mogrify -format png \*.tif$",
        ),
        (".", "is a folder without images"),
    ],
)  # fmt: skip
def test_missing_clips_are_told_with_a_likely_name(root, name, why):
    (root / "empty").mkdir()
    (root / "nested" / "frames").mkdir(parents=True)
    for name_of in ("scans", "bare"):
        (root / name_of).mkdir()
    (root / "bare" / "0001").touch()
    (root / "scans" / "0001.tif").touch()
    (root / "a").mkdir()
    os.link(root / "v0.mp4", root / "a" / "take_02.mp4")
    label(root, f"{HALF}{name},fear\n")
    (problem,) = problems(root)
    assert re.search(why, problem)
    state = prepare(root, allow_missing=True)
    assert not state.problems and len(state.listing.clips) == 10 and len(state.listing.missing) == 1


@pytest.mark.parametrize("linked", ["file", "folder"])
def test_links_out_of_the_folder_are_not_followed(root, tmp_path_factory, video, linked):
    outside = tmp_path_factory.mktemp("outside")
    lay(video, outside / "secret.mp4")
    (root / "in").symlink_to(outside if linked == "folder" else outside / "secret.mp4")
    label(root, f"{HALF}{'in/secret.mp4' if linked == 'folder' else 'in'},fear\n")
    (problem,) = problems(root)
    assert "is behind a link that leads out of manual_dir" in problem


def test_links_inside_the_folder_are_followed_once(root):
    (root / "again").symlink_to(root / "v0.mp4")
    (root / "loop").symlink_to(root)
    (root / "v9.mp4").unlink()
    (root / "v8.mp4").rename(root / "elsewhere.mp4")
    (root / "v8.mp4").symlink_to("elsewhere.mp4")
    lay(root / "v0.mp4", root / "other.mp4")
    (root / "v9.mp4").symlink_to("other.mp4")
    assert not problems(root)


def test_names_of_a_disk_in_the_other_unicode_form(root):
    rows = HALF
    for on_disk, in_table, name in (("NFD", "NFC", "zoé.mp4"), ("NFC", "NFD", "léa.mp4")):
        lay(root / "v0.mp4", root / unicodedata.normalize(on_disk, name))
        rows += unicodedata.normalize(in_table, f"{name},joy\n")
    label(root, rows)
    state = prepare(root, allow_missing=False)
    assert not state.problems and {"zoé", "léa"} <= {clip.id for clip in state.listing.clips}


def test_names_that_differ_in_the_suffix_only(root):
    os.link(root / "v0.mp4", root / "v0.mkv")
    label(root, f"{HALF}v0.mkv,fear\n")
    (problem,) = problems(root)
    assert "line 12: v0.mkv and v0.mp4 differ in their suffix only" in problem


def test_clips_in_no_row_are_told(root):
    images(root / "more", ["1.png"])
    label(root, "\n".join(HALF.split()[:9]) + "\n")
    state = prepare(root, allow_missing=False)
    warning = next(text for text in state.warnings if "in no row" in text)
    assert "2 videos or frame folders are in no row of labels.csv" in warning
    assert "more" in warning and "v9.mp4" in warning
    assert state.facts["clips_in_no_row"] == ["more", "v9.mp4"]


def test_what_is_no_video_is_a_problem_before_anything_is_decoded(root):
    (root / "v4.mp4").unlink()
    (root / "v4.mp4").write_text("not a video at all")
    (root / "v5.mp4").unlink()
    (root / "v5.mp4").write_bytes(b"")
    told = problems(root)
    assert len(told) == 2 and told[1] == "v5.mp4: the file is empty"
    assert told[0].startswith("v4.mp4: not a video file of a known kind")


def test_all_problems_are_told_at_once(root):
    label(root, HALF.replace("v1.mp4,happy", "v1.mp4,hapy").replace("v2.mp4", "w2.mp4"))
    assert len(problems(root)) == 2


def test_if_no_clip_is_left_it_stops_at_once(root):
    label(root, HALF.replace("v", "other/w"))
    with pytest.raises(UserError, match="missing or empty clips 10"):
        prepare(root, allow_missing=False)


def test_too_few_clips_to_divide(root):
    label(root, "v0.mp4,joy\nv1.mp4,sad\n")
    (problem,) = problems(root)
    assert "too few groups or clips to set some aside for test" in problem
