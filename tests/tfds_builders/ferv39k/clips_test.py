import ferv39k_tree
import pytest
from ferv39k_tree import Clip

from tfds_builders.ferv39k import clips

CLIPS = [
    Clip(scene, "Happy", number, 12, "test" if number == 3 else "train")
    for scene in ("Action", "War")
    for number in range(4)
]


@pytest.fixture
def root(tmp_path):
    ferv39k_tree.write_tree(tmp_path, CLIPS, name="{}.jpg", first=1)
    return tmp_path


def prepare(root, *, scene=None, allow_missing=False):
    return clips.prepare(root, scene=scene, allow_missing=allow_missing)


def test_clips_are_in_the_order_of_their_ids_and_frames_of_their_numbers(root):
    state = prepare(root)
    assert [clip.id for clip in state.listing.clips] == sorted(clip.id for clip in CLIPS)
    for clip in state.listing.clips:
        assert clip.frames == tuple(f"{number}.jpg" for number in range(1, 13))
        assert clip.features == {"scene": clip.id.split("/")[0]}
    assert not state.problems and not state.warnings


def test_an_entry_of_another_scene_is_no_part_of_a_scene(root):
    path = ferv39k_tree.list_path(root, "train")
    path.write_text("".join(row for row in path.open() if not row.startswith("Action/Happy/0001")))
    (warning_of_all, unlisted) = prepare(root).warnings
    assert warning_of_all.startswith("1 clip numbers are in neither list")
    assert unlisted.endswith("\n  Action/Happy/0001")
    state = prepare(root, scene="War")
    assert not state.warnings
    assert {clip.features["scene"] for clip in state.listing.clips} == {"War"}
    assert sum(state.expected["train"]) == 1963 and not state.tables


def test_frames_that_cannot_be_ordered_are_problems(root):
    folder = ferv39k_tree.clip_folder(root, CLIPS[0])
    (folder / "01.jpg").write_bytes(b"x")
    (folder / "cover.jpg").write_bytes(b"x")
    where = "2_ClipsforFaceCrop/Action/Happy/0000"
    assert prepare(root).problems == [
        f"{where}/1.jpg: has the frame number of 01.jpg",
        f"{where}/cover.jpg: has no frame number at the end of its name",
    ]


def test_missing_clips_are_problems_unless_allowed(root):
    for path in ferv39k_tree.clip_folder(root, CLIPS[0]).iterdir():
        path.unlink()
    ferv39k_tree.clip_folder(root, CLIPS[0]).rmdir()
    assert prepare(root).missing == ["clip Action/Happy/0000: no folder"]
    state = prepare(root, allow_missing=True)
    assert not state.problems and state.listing.missing == ["Action/Happy/0000"]


def test_counts_of_every_scene_are_kept(root):
    counts = prepare(root).facts["clips_per_scene_split_and_class"]
    assert len(counts) == 22
    assert counts["War"] == {"train": [3, 0, 0, 0, 0, 0, 0], "test": [1, 0, 0, 0, 0, 0, 0]}
    assert counts["Crime"]["train"] == [0] * 7
