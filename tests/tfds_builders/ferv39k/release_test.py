import ferv39k_tree
import pytest
from ferv39k_tree import Clip

from dfer_jax.errors import UserError
from tfds_builders import tree as trees
from tfds_builders.ferv39k import release

CLIPS = [
    Clip(scene, word, number, 1, "train" if number else "test")
    for scene in ("Action", "Argue", "War")
    for word in ("Happy", "Fear")
    for number in (0, 1, 905)
]
CROPS = "2_ClipsforFaceCrop"


def touch(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x")


def find(root, *, scene=None):
    """Returns folders by clip id, problems and warnings."""
    tree, warnings = release.walk(root), []
    return release.face_crops(tree, scene=scene, warnings=warnings), tree.problems, warnings


@pytest.mark.parametrize("layout", ferv39k_tree.LAYOUTS)
def test_clips_and_lists_are_found_in_every_layout(tmp_path, layout):
    ferv39k_tree.write_tree(tmp_path, CLIPS, layout=layout)
    tree, warnings = release.walk(tmp_path), []
    folders = release.face_crops(tree, warnings=warnings)
    assert folders == {
        clip.id: ferv39k_tree.clip_folder(tmp_path, clip, layout=layout) for clip in CLIPS
    }
    assert tree.lists == {
        split: [ferv39k_tree.list_path(tmp_path, split, layout=layout)]
        for split in ("train", "test")
    }
    assert not tree.problems
    assert len(warnings) == (layout == "bare")


@pytest.mark.parametrize("layout", [x for x in ferv39k_tree.LAYOUTS if x != "bare"])
def test_the_other_forms_beside_are_not_confused_with_face_crops(tmp_path, layout):
    ferv39k_tree.write_tree(tmp_path, CLIPS, layout=layout)
    ferv39k_tree.write_other_forms(tmp_path, CLIPS)
    folders, problems, warnings = find(tmp_path)
    assert folders == {
        clip.id: ferv39k_tree.clip_folder(tmp_path, clip, layout=layout) for clip in CLIPS
    }
    assert not problems and not warnings


@pytest.mark.parametrize(
    ("name", "faces"),
    [
        ("2_ClipsforFaceCrop", True),
        ("2_ClipforFaceCrop", True),
        ("2_clips", True),
        ("aligned_faces", True),
        ("3_ClipsforScenImages", False),
        ("3_ClipsforSceneImages", False),
        ("scene_images", False),
        ("SceneFrames", False),
        ("full_scene", False),
        ("0_7_LabelClips", False),
    ],
)
def test_folder_names(tmp_path, name, faces):
    root = tmp_path / "frames"
    touch(root, f"FERV39k/{name}/inner/War/Fear/0000/00.jpg")
    if faces:
        assert list(find(root)[0]) == ["War/Fear/0000"]
    else:
        with pytest.raises(UserError, match="only frames that are no face crops"):
            find(root)


def test_the_name_of_manual_dir_itself_counts(tmp_path):
    for name in (CROPS, ferv39k_tree.FULL_SCENE):
        touch(tmp_path / name, "War/Fear/0000/00.jpg")
    assert find(tmp_path / CROPS)[2] == []
    assert find(tmp_path / CROPS / "War")[2] == []
    for part in ("", "War"):
        with pytest.raises(UserError, match=r"only frames that are no face crops .*extract 2_Clip"):
            find(tmp_path / ferv39k_tree.FULL_SCENE / part)


def test_a_folder_without_a_telling_name_is_taken_with_a_warning(tmp_path):
    touch(tmp_path, "All_scenes/War/Fear/0000/00.jpg", "more/War/Fear/0001/00.jpg")
    folders, _, warnings = find(tmp_path)
    assert sorted(folders) == ["War/Fear/0000", "War/Fear/0001"]
    (warning,) = warnings
    assert warning.startswith("taken as face crops, though no folder name says so: ")
    assert str(tmp_path / "All_scenes") in warning and str(tmp_path / "more") in warning


def test_two_folders_without_telling_names_cannot_be_told_apart(tmp_path):
    touch(tmp_path, "a/War/Fear/0000/00.jpg", "a/War/Fear/0001/00.jpg", "b/War/Fear/0001/00.jpg")
    with pytest.raises(UserError, match=r"/a and .*/b hold 1 clips of the same names, and no"):
        find(tmp_path)


def test_a_folder_without_a_telling_name_is_left_out_beside_face_crops(tmp_path):
    touch(tmp_path, f"{CROPS}/War/Fear/0000/00.jpg", "mine/War/Fear/0000/00.jpg")
    touch(tmp_path, "mine/War/Fear/0001/00.jpg")
    folders, problems, warnings = find(tmp_path)
    assert folders == {"War/Fear/0000": tmp_path / CROPS / "War" / "Fear" / "0000"}
    assert not problems
    assert warnings == [
        f"left out, for no folder name says that these are faces: {tmp_path / 'mine'}"
    ]
    with pytest.raises(
        UserError, match=r"no face crops of scene Crime .*mine was left out, for no"
    ):
        find(tmp_path, scene="Crime")


def test_a_link_is_judged_by_its_name_or_else_by_what_it_leads_to(tmp_path):
    touch(tmp_path, f"{CROPS}/War/Fear/0000/00.jpg", "crops/War/Fear/0001/00.jpg")
    (tmp_path / "1_link").symlink_to(tmp_path / CROPS)
    (tmp_path / "2_ClipforFaceCrop").symlink_to(tmp_path / "crops")
    folders, problems, warnings = find(tmp_path)
    assert sorted(folders) == ["War/Fear/0000", "War/Fear/0001"]
    assert not problems and not warnings


def test_two_copies_of_the_face_crops_are_one_problem(tmp_path):
    for clip in range(5):
        touch(tmp_path, f"{CROPS}/War/Fear/{clip:04d}/x", f"{CROPS}-002/War/Fear/{clip:04d}/x")
    _, problems, _ = find(tmp_path)
    (problem,) = problems
    assert "hold 5 clips of the same names: remove one of the two" in problem


def test_one_scene_alone(tmp_path):
    ferv39k_tree.write_tree(tmp_path, CLIPS)
    folders, _, _ = find(tmp_path, scene="Argue")
    assert sorted(folders) == sorted(clip.id for clip in CLIPS if clip.scene == "Argue")
    with pytest.raises(UserError, match=r"no face crops of scene Crime \(Crime/Happy/0000"):
        find(tmp_path, scene="Crime")


@pytest.mark.parametrize(
    "path",
    [
        "Daily/Happy/0000/x.jpg",
        "War/Happiness/0000/x.jpg",
        "War/Happy/00000/x.jpg",
        "War/Happy/0000.jpg",
        "22_scenes/War/x.jpg",
        "Happy/0000/x.jpg",
    ],
)
def test_what_is_no_clip_of_the_release(tmp_path, path):
    touch(tmp_path, path)
    with pytest.raises(UserError, match="has no FERV39k clip folders"):
        find(tmp_path)


def test_videos_alone_are_not_enough(tmp_path):
    touch(tmp_path, "0_7_LabelClips/War/Happy/0227.mp4")
    with pytest.raises(UserError, match=r"only the original videos \(0_7_Label.*0227\.mp4, \.\.\."):
        find(tmp_path)


def test_archives_that_lie_there_are_named_the_face_crops_first(tmp_path):
    touch(tmp_path, "0_7_LabelClips.zip", "x/2_ClipforFaceCrop.zip", "4_setups.zip")
    message = r"extract 2_ClipsforFaceCrop there; x/2_ClipforFaceCrop\.zip and 2 more must be"
    with pytest.raises(UserError, match=message):
        find(tmp_path)


def test_links_out_of_the_folder_are_problems_and_not_followed(tmp_path):
    touch(tmp_path, "outside/War/Fear/0000/x", "outside/train_All.csv")
    root = tmp_path / "root"
    touch(root, f"{CROPS}/War/Fear/0001/x")
    (root / CROPS / "Action").symlink_to(tmp_path / "outside")
    (root / CROPS / "War" / "Fear" / "0000").symlink_to(tmp_path / "outside/War/Fear/0000")
    (root / "train_All.csv").symlink_to(tmp_path / "outside" / "train_All.csv")
    folders, problems, _ = find(root)
    assert list(folders) == ["War/Fear/0001"]
    assert sorted(problem.split(":")[0] for problem in problems) == [
        f"{CROPS}/Action",
        f"{CROPS}/War/Fear/0000",
        "train_All.csv",
    ]
    assert not release.walk(root).lists


def test_only_a_link_out_is_said_to_be_the_reason(tmp_path):
    touch(tmp_path, "outside/War/Fear/0000/x", "root/readme.txt")
    (tmp_path / "root" / CROPS).symlink_to(tmp_path / "outside")
    with pytest.raises(UserError, match=r"no FERV39k clip folders.*; 2_Clips.*: a link to .*outsi"):
        find(tmp_path / "root")


def test_links_inside_are_followed_once_and_circles_end(tmp_path):
    touch(tmp_path, f"{CROPS}/War/Fear/0000/x")
    (tmp_path / CROPS / "again").symlink_to(tmp_path)
    (tmp_path / CROPS / "circle").symlink_to(tmp_path / CROPS / "circle")
    (tmp_path / CROPS / "broken").symlink_to(tmp_path / "absent")
    folders, problems, _ = find(tmp_path)
    assert list(folders) == ["War/Fear/0000"] and not problems


def test_depth_and_number_of_folders_are_bounded(tmp_path, monkeypatch):
    deep = "1/2/3/4/5/6/7/faces"
    touch(tmp_path, f"{deep}/War/Fear/0000/x", f"{deep}/9/Action/Fear/0000/x")
    assert list(find(tmp_path)[0]) == ["War/Fear/0000"]
    monkeypatch.setattr(trees, "_MAX_FOLDERS", 3)
    with pytest.raises(UserError, match=r"more than 3 folders.* holds the FERV39k release alone"):
        release.walk(tmp_path)
