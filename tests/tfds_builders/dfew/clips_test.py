from types import MappingProxyType

import dfew_tree
import pytest

from tfds_builders import frames
from tfds_builders.dfew import clips, release
from tfds_builders.dfew.lists import Entry


def list_one(folder, names, *, form="full", clip=1):
    """Lists a single clip that holds files of these names; returns listing and problems."""
    (folder / f"{clip:05d}").mkdir()
    for name in names:
        (folder / f"{clip:05d}" / name).write_bytes(b"x")
    return list_all(folder, {clip: Entry(1, 1)}, form=form)


def list_all(folder, entries, *, form="full", votes=MappingProxyType({})):
    tree = release.walk(folder)
    folders = {int(path.name): path for path in tree.clips}
    return clips.list_clips(tree, folders, entries, form=form, votes=votes), tree.problems


def test_frames_are_ordered_by_number_not_by_name(tmp_path):
    names = [f"{number}.jpg" for number in (10, 2, 1, 16, 9)]
    listing, problems = list_one(tmp_path, names, form="f16")
    assert listing.clips[0].frames == ("1.jpg", "2.jpg", "9.jpg", "10.jpg", "16.jpg")
    assert not problems


@pytest.mark.parametrize("name", ["00001_00002.JPG", "00001-2.jpeg", "frame2.png", "002.Jpg"])
def test_accepted_names(tmp_path, name):
    listing, problems = list_one(tmp_path, [name])
    assert listing.clips[0].frames == (name,) and not problems


def test_operating_system_files_are_ignored(tmp_path):
    listing, problems = list_one(tmp_path, ["1.jpg"])
    dfew_tree.write_noise(tmp_path / "00001")
    listing, problems = list_all(tmp_path, {1: Entry(1, 1)})
    assert listing.clips[0].frames == ("1.jpg",)
    assert not problems and not listing.not_frames


def test_other_files_are_noted(tmp_path):
    listing, _ = list_one(tmp_path, ["1.jpg", "notes.txt", "1.gif"])
    assert listing.not_frames == ["00001/1.gif", "00001/notes.txt"]


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (["00001_00001.jpg", "00001_1.jpg"], "has the frame number of 00001_00001.jpg"),
        (["1.jpg", "1.png"], "has the frame number of 1.jpg"),
        (["00001_00001.jpg", "00001_00001 (1).jpg"], "has no frame number"),
        (["00001_00001.jpg", "cover.jpg"], "has no frame number"),
        (["00001_00001.jpg", "00002_00002.jpg"], "is a frame of clip 00002"),
    ],
)
def test_frames_that_cannot_be_ordered_are_problems(tmp_path, names, problem):
    _, problems = list_one(tmp_path, names)
    assert len(problems) == 1 and problem in problems[0]


def test_a_folder_named_like_a_frame_is_a_problem(tmp_path):
    (tmp_path / "00001" / "2.jpg").mkdir(parents=True)
    (tmp_path / "00001" / "1.jpg").write_bytes(b"x")
    _, problems = list_all(tmp_path, {1: Entry(1, 1)})
    assert problems == ["00001/2.jpg: is not a file"]


def test_a_link_out_of_the_folder_is_a_problem(tmp_path):
    root = tmp_path / "root"
    (root / "00001").mkdir(parents=True)
    (tmp_path / "secret.jpg").write_bytes(b"x")
    (root / "00001" / "1.jpg").symlink_to(tmp_path / "secret.jpg")
    (root / "00001" / "2.jpg").write_bytes(b"x")
    (root / "00001" / "3.jpg").symlink_to(root / "00001" / "2.jpg")
    listing, problems = list_all(root, {1: Entry(1, 1)})
    assert problems == ["00001/1.jpg: is a link out of manual_dir"]
    assert listing.clips[0].frames == ("2.jpg", "3.jpg")


@pytest.mark.parametrize(
    ("numbers", "gaps"),
    [
        ((1, 2, 3), []),
        ((0, 1, 2), []),
        ((1, 3, 6), ["00001 (3 numbers up to 6)"]),
        ((4, 5), ["00001 (3 numbers up to 5)"]),
    ],
)
def test_gaps_are_noted(tmp_path, numbers, gaps):
    listing, problems = list_one(tmp_path, [f"{number}.jpg" for number in numbers])
    assert listing.gaps == gaps and not problems


def test_missing_and_empty_clips_are_told_apart(tmp_path):
    (tmp_path / "00002").mkdir()
    entries = {clip: Entry(1, 1) for clip in (1, 2, 3)}
    (tmp_path / "00001").mkdir()
    (tmp_path / "00001" / "1.jpg").write_bytes(b"x")
    listing, _ = list_all(tmp_path, entries)
    assert (listing.absent, listing.empty) == (["00003"], ["00002"])
    assert listing.missing == ["00002", "00003"]
    assert [clip.id for clip in listing.clips] == ["00001"]


def test_votes_are_zeros_where_there_are_none(tmp_path):
    votes = (0, 6, 4, 0, 0, 0, 0)
    for clip in (1, 2):
        dfew_tree.write_frames(tmp_path / f"{clip:05d}", clip, 1)
    listing, _ = list_all(tmp_path, {1: Entry(1, 1), 2: Entry(1, 1)}, votes={2: votes, 3: votes})
    assert [clip.features["votes"] for clip in listing.clips] == [(0,) * 7, votes]


def test_more_than_16_frames_do_not_belong_to_the_16_frame_form(tmp_path):
    _, problems = list_one(tmp_path, [f"{number}.jpg" for number in range(1, 18)], form="f16")
    assert len(problems) == 1 and "has 17 frames" in problems[0]


def test_a_clip_of_the_16_frame_form_does_not_belong_to_the_full_length_form(tmp_path):
    for clip in (1, 2, 3):
        dfew_tree.write_frames(tmp_path / f"{clip:05d}", clip, 16)
    dfew_tree.write_frames(tmp_path / "00004", 4, 16, form="f16")
    _, problems = list_all(tmp_path, {clip: Entry(1, 1) for clip in (1, 2, 3, 4)})
    assert len(problems) == 1 and problems[0].startswith("clip 00004 holds 1.jpg .. 16.jpg")


def test_read_clips_keeps_order_and_reports_damage(tmp_path):
    for clip in range(1, 13):
        dfew_tree.write_frames(tmp_path / f"{clip:05d}", clip, 3)
    damaged = tmp_path / "00005" / "00005_00002.jpg"
    damaged.write_bytes(damaged.read_bytes()[:100])
    listing, _ = list_all(tmp_path, {clip: Entry(1, 1) for clip in range(1, 13)})
    with frames.reader_pool() as pool:
        read = list(frames.read_clips(listing.clips, pool=pool))
    assert [clip.clip.id for clip in read] == [f"{clip:05d}" for clip in range(1, 13)]
    assert [len(clip.problems) for clip in read] == [0] * 4 + [1] + [0] * 7
    assert read[4].problems[0].startswith("00005/00005_00002.jpg: ")
    assert read[0].frames == [dfew_tree.encode(1, frame) for frame in (1, 2, 3)]
    assert all(clip.sizes == {(32, 48)} for clip in read)


def test_few_clips_are_read_ahead(tmp_path):
    for clip in range(1, 31):
        dfew_tree.write_frames(tmp_path / f"{clip:05d}", clip, 1)
    listing, _ = list_all(tmp_path, {clip: Entry(1, 1) for clip in range(1, 31)})
    taken = []

    def taking():
        for clip in listing.clips:
            taken.append(clip.id)
            yield clip

    with frames.reader_pool() as pool:
        next(frames.read_clips(taking(), pool=pool))
    assert len(taken) < 10
