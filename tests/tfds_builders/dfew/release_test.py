import dfew_tree
import pytest

from dfer_jax.errors import UserError
from tfds_builders.dfew import release


def touch(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x")


def sixteen(folder):
    return [f"{folder}/{number}.jpg" for number in range(1, 17)]


@pytest.mark.parametrize("layout", dfew_tree.LAYOUTS)
def test_walk_finds_clips_and_lists_in_every_layout(tmp_path, layout):
    clips = [dfew_tree.Clip(i, 2, 1, i % 5 + 1) for i in (1, 1601, 9000, 16372, 2)]
    dfew_tree.write_tree(tmp_path, clips, layout=layout)
    tree = release.walk(tmp_path)
    folders = release.clip_folders(tree, "full")
    assert folders == {
        clip.id: dfew_tree.clip_folder(tmp_path, clip.id, layout=layout) for clip in clips
    }
    assert sorted(tree.lists) == [(s, fold) for s in ("test", "train") for fold in range(1, 6)]
    assert all(len(paths) == 1 for paths in tree.lists.values())
    assert not tree.problems


@pytest.mark.parametrize("folder", ["test(single_labeled)", "test(single-labeled)", "Test", "test"])
def test_list_folder_spellings(tmp_path, folder):
    touch(tmp_path, f"{folder}/inner/set_3.csv", "elsewhere/set_1.csv", f"{folder}/._set_2.csv")
    assert list(release.walk(tmp_path).lists) == [("test", 3)]


def test_forms_side_by_side_are_told_apart_by_folder_name(tmp_path):
    touch(tmp_path, "Clip/clip_224x224/00001/00001_00001.jpg")
    touch(tmp_path, *sixteen("Clip/clip_224x224_16f/00001"))
    for form, folder in release.FOLDER_OF_FORM.items():
        folders = release.clip_folders(release.walk(tmp_path), form)
        assert folders == {1: tmp_path / "Clip" / folder / "00001"}


def test_form_is_read_from_the_root_name_or_else_the_files(tmp_path):
    named = tmp_path / "DFEW_16f"
    touch(named, "00001/00001_00001.jpg")
    assert release.clip_folders(release.walk(named), "f16")
    bare = tmp_path / "bare"
    touch(bare, *sixteen("00001"), *sixteen("00002"))
    assert list(release.clip_folders(release.walk(bare), "f16")) == [1, 2]
    with pytest.raises(UserError, match=r"holds only the form clip_224x224_16f.*dfew/f16"):
        release.clip_folders(release.walk(bare), "full")


def test_wrong_form_is_said_in_one_sentence(tmp_path):
    touch(tmp_path, "clip_224x224/00001/00001_00001.jpg")
    with pytest.raises(
        UserError, match=r"holds only the form clip_224x224 of DFEW: build dfew/full"
    ):
        release.clip_folders(release.walk(tmp_path), "f16")


def test_16_frame_files_in_a_full_length_folder_are_refused(tmp_path):
    touch(tmp_path, *sixteen("clip_224x224/00001"))
    with pytest.raises(UserError, match=r"1\.jpg \.\. 16\.jpg each"):
        release.clip_folders(release.walk(tmp_path), "full")


def test_no_clips_mentions_archives_that_lie_there(tmp_path):
    touch(tmp_path, "a/clip_224x224_part_1.zip", "a/clip_224x224_part_2.zip")
    with pytest.raises(UserError, match=r"part_1\.zip and 1 more must be extracted.*password"):
        release.clip_folders(release.walk(tmp_path), "full")


def test_no_clips_mentions_a_link_that_leads_out(tmp_path):
    touch(tmp_path, "outside/00007/x", "root/x.txt")
    (tmp_path / "root" / "Clip").symlink_to(tmp_path / "outside")
    with pytest.raises(UserError, match=r"no DFEW clip folders.*; Clip: a link to .*outside"):
        release.clip_folders(release.walk(tmp_path / "root"), "full")


def test_two_folders_of_a_clip_are_a_problem(tmp_path):
    touch(tmp_path, "clip_224x224/00001/x", "clip_224x224/clip_224x224_part_1/00001/x")
    tree = release.walk(tmp_path)
    release.clip_folders(tree, "full")
    (problem,) = tree.problems
    assert problem.startswith("clip 00001 has two folders, clip_224x224/00001 and ")


def test_link_out_of_the_folder_is_a_problem_and_not_followed(tmp_path):
    touch(tmp_path, "outside/00007/x", "root/00001/x")
    (tmp_path / "root" / "clips").symlink_to(tmp_path / "outside")
    (tmp_path / "root" / "00002").symlink_to(tmp_path / "outside" / "00007")
    (tmp_path / "root" / "test").mkdir()
    (tmp_path / "root" / "test" / "set_1.csv").symlink_to(tmp_path / "outside" / "00007" / "x")
    tree = release.walk(tmp_path / "root")
    assert [path.name for path in tree.clips] == ["00001"]
    assert [problem.split(":")[0] for problem in sorted(tree.problems)] == [
        "00002",
        "clips",
        "test/set_1.csv",
    ]
    assert not tree.lists


def test_link_inside_the_folder_is_followed_once(tmp_path):
    touch(tmp_path, "store/00001/x")
    (tmp_path / "store" / "again").symlink_to(tmp_path)
    (tmp_path / "store" / "circle").symlink_to(tmp_path / "store" / "circle")
    (tmp_path / "store" / "broken").symlink_to(tmp_path / "store" / "absent")
    tree = release.walk(tmp_path)
    assert [path.name for path in tree.clips] == ["00001"]
    assert not tree.problems


def test_depth_is_bounded(tmp_path):
    touch(tmp_path, "1/2/3/4/5/6/7/8/00001/x", "1/2/3/4/5/6/7/8/9/00002/x")
    assert [path.name for path in release.walk(tmp_path).clips] == ["00001"]


def test_a_folder_that_cannot_be_the_release_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("tfds_builders.tree._MAX_FOLDERS", 3)
    touch(tmp_path, "a/x", "b/x", "c/x", "d/x")
    with pytest.raises(UserError, match="more than 3 folders"):
        release.walk(tmp_path)
