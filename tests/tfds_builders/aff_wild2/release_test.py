import aff_wild2_tree
import pytest
from aff_wild2_tree import EDITIONS, VIDEOS

from dfer_jax.errors import UserError
from tfds_builders.aff_wild2 import clips, release


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("Neutral\n0\n")


ANNOTATIONS = ("EXPR_Set/Train_Set/a.txt", "EXPR_Set/Validation_Set/b.txt")


def find(root, *, track="expr"):
    tree = release.walk(root, track=track)
    sources, strays = release.annotations(tree, track=track)
    return {source.name: source.split for source in sources}, strays, tree.problems


def pictures(root):
    tree = release.walk(root, track="expr")
    return release.picture_folders(tree), tree.problems


@pytest.mark.parametrize(
    ("track", "folder", "train"),
    [
        ("expr", "EXPR_Set", "Training_Set"),
        ("expr", "expr set", "train set"),
        ("expr", "EXPR_Classification_Challenge", "Train_Set"),
        ("expr", "EXPR_Recognition_Challenge", "Train_Set"),
        ("au", "AU_Set", "Train_Set"),
        ("au", "AU_Detection_Challenge", "Train_Set"),
    ],
)
def test_folder_names_of_every_edition(tmp_path, track, folder, train):
    touch(tmp_path, f"x/y/{folder}/{train}/106.txt", f"x/y/{folder}/Validation_Set/7_left.txt")
    touch(tmp_path, "x/y/VA_Set/Train_Set/1.txt", f"x/y/{folder}/Test_Set/2.txt")
    found, strays, problems = find(tmp_path, track=track)
    assert found == {"106": "train", "7_left": "validation"}
    assert not strays and not problems
    with pytest.raises(UserError, match="has no annotations of Aff-Wild2's"):
        find(tmp_path, track={"expr": "au", "au": "expr"}[track])


def test_subjects_and_videos_are_told_by_the_end_of_the_name_alone():
    def parts(name):
        source = release.Source(name, "train", None)
        return source.video, source.subject

    assert parts("video10_1_left") == ("video10_1", "left")
    assert parts("10-60-1280x720_right") == ("10-60-1280x720", "right")
    assert parts("122-60-1920x1080-1") == ("122-60-1920x1080-1", "")
    assert parts("left_106") == ("left_106", "") and parts("copyright") == ("copyright", "")


def test_editions_are_not_mixed(tmp_path):
    for edition in ("2022", "2023"):
        for video in VIDEOS:
            aff_wild2_tree.write_annotation(tmp_path, video, "expr", EDITIONS[edition])
    with pytest.raises(UserError, match=r"5th_ABAW.* and .*Third ABAW.* leave only one of them"):
        find(tmp_path)


def test_a_split_must_not_be_absent(tmp_path):
    touch(tmp_path, ANNOTATIONS[0], "EXPR_Set/Validation_Set/readme.md")
    with pytest.raises(UserError, match=r"EXPR_Set has no annotations of the validation split"):
        find(tmp_path)


def test_other_files_are_strays_and_hidden_ones_are_counted(tmp_path):
    touch(tmp_path, *ANNOTATIONS, "EXPR_Set/Train_Set/list.csv", "EXPR_Set/Train_Set/more/a.txt")
    touch(tmp_path, "EXPR_Set/Train_Set/.DS_Store", "EXPR_Set/Train_Set/._a.txt", ".DS_Store")
    tree = release.walk(tmp_path, track="expr")
    sources, strays = release.annotations(tree, track="expr")
    assert [source.name for source in sources] == ["a", "b"]
    assert strays == ["EXPR_Set/Train_Set/list.csv", "EXPR_Set/Train_Set/more"]
    assert tree.hidden == 2 and not tree.problems


@pytest.mark.parametrize(
    "home",
    [
        "cropped_aligned",
        "Cropped_aligned_image/cropped_aligned",
        "cropped_aligned_new_50_vids",
        "cropped_aligned/batch1",
        "a/cropped_aligned-001/cropped_aligned/batch2",
    ],
)
def test_where_aligned_pictures_lie(tmp_path, home):
    touch(tmp_path, f"{home}/106/00001.jpg", "cropped/106/00001.jpg", "cropped_2/batch1/7/1.jpg")
    folders, problems = pictures(tmp_path)
    assert folders == {"106": tmp_path / home / "106"} and not problems


def test_two_folders_of_one_name_are_a_problem(tmp_path):
    touch(tmp_path, "cropped_aligned/1/1.jpg", "cropped_aligned_new_50_vids/1/1.jpg")
    touch(tmp_path, "cropped_aligned_new_50_vids/2/1.jpg")
    folders, (problem,) = pictures(tmp_path)
    assert sorted(folders) == ["1", "2"]
    assert "hold pictures of the same video: remove one of the two" in problem


def test_unaligned_pictures_alone_are_not_enough_and_archives_are_named(tmp_path):
    touch(tmp_path, "cropped/106/00001.jpg", "cropped_aligned.zip", "batch1.zip")
    with pytest.raises(UserError, match=r"no aligned face crops.*; batch1.zip and 1 more must be"):
        pictures(tmp_path)


def test_links_out_of_the_folder_are_problems_and_not_followed(tmp_path):
    root = tmp_path / "root"
    touch(tmp_path, "outside/106/00001.jpg", "outside/c.txt")
    touch(root, *ANNOTATIONS, "cropped_aligned/a/00001.jpg")
    (root / "cropped_aligned" / "106").symlink_to(tmp_path / "outside" / "106")
    (root / "EXPR_Set" / "Train_Set" / "c.txt").symlink_to(tmp_path / "outside" / "c.txt")
    found, _, problems = find(root)
    assert sorted(found) == ["a", "b"]
    assert sorted(problem.split(":")[0] for problem in problems) == [
        "EXPR_Set/Train_Set/c.txt",
        "cropped_aligned/106",
    ]
    assert list(pictures(root)[0]) == ["a"]


def test_a_video_with_a_face_in_each_split_is_told(tmp_path):
    names = ("EXPR_Set/Train_Set/a_left.txt", "EXPR_Set/Validation_Set/a_right.txt")
    touch(tmp_path, *names)
    touch(tmp_path, *(f"cropped_aligned/a_{side}/00001.jpg" for side in ("left", "right")))
    state = clips.prepare(tmp_path, track="expr", allow_missing=False)
    assert state.warnings == ["1 videos have one face in each split:\n  a"]
    assert [clip.split for clip in state.listing.clips] == ["train", "validation"]
