import shutil
import sys

import ferv39k_tree
import pytest
import tensorflow_datasets as tfds
from ferv39k_tree import Clip

from dfer_jax.errors import UserError
from dfer_jax.labels import CLASSES
from tfds_builders.ferv39k.ferv39k_dataset_builder import Builder
from tfds_builders.ferv39k.scenes import SCENES, WORDS

# Not in the order of their names; 1 to 20 frames, so that 10 and more follow 9.
CLIPS = [
    Clip(scene, word, number, 1 + (7 * place + 5 * number) % 20, "test" if number == 1 else "train")
    for place, scene in enumerate(("War", "Action", "DailyLife"))
    for word in WORDS
    for number in (2, 0, 1)
]
FRAMES = sum(clip.frames for clip in CLIPS)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    root = tmp_path_factory.mktemp("release")
    ferv39k_tree.write_tree(root, CLIPS)
    return root


@pytest.fixture
def root(pristine, tmp_path):
    """A tree of the release that a test may damage."""
    return shutil.copytree(pristine, tmp_path / "release")


def build(root, data_dir, *, config=None, **kwargs):
    builder = Builder(config=config, data_dir=data_dir, **kwargs)
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=root))
    return builder


def assert_every_frame(builder, clips=CLIPS):
    """Checks clips, splits, labels, scenes and, by pixels, the frames of each clip in order."""
    for split in ("train", "test"):
        expected = sorted((c for c in clips if c.split == split), key=lambda clip: clip.id)
        source = builder.as_data_source(split=split)
        assert [example["clip_id"].decode() for example in source] == [c.id for c in expected]
        for clip, example in zip(expected, source, strict=True):
            assert example["num_frames"] == clip.frames
            assert example["label"] == WORDS.index(clip.word)
            assert example["scene"] == SCENES.index(clip.scene)
            assert [ferv39k_tree.decode(frame) for frame in example["frames"]] == [
                (clip.id, number) for number in range(clip.frames)
            ]


def error_of(root, data_dir, **kwargs):
    """Builds, expects failure, and that nothing valid is left; returns the message."""
    with pytest.raises(UserError) as error:
        build(root, data_dir, **kwargs)
    assert not list(data_dir.glob("ferv39k/[!.]*/*"))
    return str(error.value)


def folder(root, clip_id):
    return ferv39k_tree.home(root, clip_id.split("/")[0]) / clip_id


@pytest.mark.parametrize("layout", ferv39k_tree.LAYOUTS)
def test_every_layout_gives_every_frame_in_order(tmp_path, layout):
    ferv39k_tree.write_tree(tmp_path / "release", CLIPS, layout=layout)
    assert_every_frame(build(tmp_path / "release", tmp_path / "data"))
    assert "tensorflow" not in sys.modules


@pytest.mark.parametrize(
    ("name", "first"),
    [("{}.jpg", 0), ("{}.jpg", 1), ("{:02d}.jpg", 1), ("frame_{:05d}.JPG", 1)],
)
def test_padded_or_not_from_zero_or_one(tmp_path, name, first):
    ferv39k_tree.write_tree(tmp_path / "release", CLIPS, name=name, first=first)
    builder = build(tmp_path / "release", tmp_path / "data")
    assert_every_frame(builder)
    assert builder.info.metadata["clips_with_gaps"] == []


def test_face_crops_are_built_whatever_lies_beside(root, tmp_path):
    ferv39k_tree.write_other_forms(root, CLIPS)  # its frames do not decode
    assert_every_frame(build(root, tmp_path / "data"))


def test_configurations_of_one_scene_add_up_to_the_whole(pristine, tmp_path):
    ids = []
    for scene in ("Action", "DailyLife", "War"):
        builder = build(pristine, tmp_path, config=scene)
        assert_every_frame(builder, [clip for clip in CLIPS if clip.scene == scene])
        ids += [example["clip_id"].decode() for example in builder.as_data_source(split="all")]
        assert list(builder.info.metadata["clips_per_scene_split_and_class"]) == [scene]
    assert sorted(ids) == sorted(clip.id for clip in CLIPS)


def test_one_scene_needs_only_its_own_clips(root, tmp_path):
    shutil.rmtree(root / "2_ClipsforFaceCrop" / "War")
    scene = [clip for clip in CLIPS if clip.scene == "Action"]
    assert_every_frame(build(root, tmp_path / "data", config="Action"), scene)
    message = error_of(root, tmp_path / "more", config="War")
    assert "has no face crops of scene War" in message and "\n" not in message


def test_features_splits_and_registration(pristine, tmp_path):
    builder = build(pristine, tmp_path)
    assert tfds.builder_cls("ferv39k") is Builder
    assert builder.builder_config.name == "all_scenes"
    assert list(Builder.builder_configs) == ["all_scenes", *SCENES]
    assert builder.info.features["label"].names == list(CLASSES)
    assert builder.info.features["scene"].names == list(SCENES)
    assert {name: split.num_examples for name, split in builder.info.splits.items()} == {
        "train": len(CLIPS) * 2 // 3,
        "test": len(CLIPS) // 3,
    }
    assert builder.info.citation.startswith("@inproceedings{wang2022ferv39k")
    assert "ferv39k/ScholarReport" in Builder(config="ScholarReport", data_dir=tmp_path).data_dir


def test_report_is_printed_and_kept(root, tmp_path, capsys):
    extra = Clip("Action", "Sad", 5, 2, "train")
    ferv39k_tree.write_frames(folder(root, extra.id), extra)
    (folder(root, "War/Disgust/0002") / "03.jpg").unlink()
    (folder(root, "War/Disgust/0002") / "notes.txt").write_text("")
    path = ferv39k_tree.list_path(root, "train")
    path.write_text(
        "".join(row for row in path.open() if not row.startswith("DailyLife/Fear/0000"))
    )
    build(root, tmp_path / "data")
    printed = capsys.readouterr().out
    words = " ".join(printed.split())
    assert "train 41 31,088" in words and "test 21 7,847" in words
    assert "Action 14+7 640+164 2+1 (276+70)" in words and "1+1 (110+28)" in words
    for part in (
        f"{FRAMES - 1 - 15:,} frames; height x width 32x48 (62 clips)",
        "1 clip numbers are in neither list, though the release leaves none out:\n"
        "  DailyLife/Fear/0000",
        "2 further clip folders are in no list and were left out:\n"
        "  Action/Sad/0005\n  DailyLife/Fear/0000",
        "1 clips have gaps in their frame numbers:\n  War/Disgust/0002 (1 numbers up to 10)",
        "1 files in clip folders are no images",
        "clips differ from the published counts (train 41 for 31,088, test 21 for 7,847)",
    ):
        assert part in printed, part
    kept = Builder(data_dir=tmp_path / "data").info.metadata
    assert kept["unlisted_clips"] == 2 and kept["num_clips"] == 62
    assert kept["clips_per_scene_split_and_class"]["DailyLife"]["train"] == [2] * 6 + [1]
    assert kept["clips_with_gaps"] == ["War/Disgust/0002 (1 numbers up to 10)"]


def test_one_error_lists_every_kind_of_problem(root, tmp_path):
    with open(ferv39k_tree.list_path(root, "train"), "a") as file:
        file.write("Opera/Happy/0000 Happy\nWar/Fear/0003 Sad\nWar/Fear/0001 Fear\n")
    shutil.rmtree(folder(root, "Action/Happy/0002"))
    for path in folder(root, "Action/Sad/0002").iterdir():
        path.unlink()
    damaged = folder(root, "DailyLife/Neutral/0000") / "00.jpg"
    damaged.write_bytes(damaged.read_bytes()[:-20])
    (folder(root, "DailyLife/Neutral/0001") / "00.jpg").write_bytes(b"")
    message = error_of(root, tmp_path / "data")
    for part in (
        "FERV39k (all scenes) was not built",
        "lists and folders 3, missing or empty clips 2, damaged images 2",
        "unknown scene 'Opera'",
        "label 'Sad' of clip War/Fear/0003",
        "clip War/Fear/0001 is in the lists of train and test",
        "clip Action/Happy/0002: no folder",
        "clip Action/Sad/0002: no image in its folder",
        "DailyLife/Neutral/0000/00.jpg: truncated",
        "DailyLife/Neutral/0001/00.jpg: the file is empty",
        "--allow_missing",
    ):
        assert part in message, part


def test_missing_clips_may_be_allowed_and_are_listed(root, tmp_path):
    shutil.rmtree(folder(root, "Action/Happy/0002"))
    builder = build(root, tmp_path / "data", allow_missing=True)
    assert builder.info.metadata["missing_clips"] == ["Action/Happy/0002"]
    assert_every_frame(builder, [clip for clip in CLIPS if clip.id != "Action/Happy/0002"])


def test_a_half_extracted_release_is_said_at_once(root, tmp_path):
    clips = [*CLIPS, *(Clip("Crime", "Sad", number, 1, "train") for number in range(120))]
    ferv39k_tree.write_lists(root, clips)
    (root / "more.zip").write_bytes(b"PK")
    message = error_of(root, tmp_path / "data")
    assert "is half extracted, 120 of 183 listed clips have no folder (all of Crime); " in message
    assert "more.zip must be extracted first" in message and "\n" not in message
    assert_every_frame(build(root, tmp_path / "data", allow_missing=True))


def test_short_clips_stay(tmp_path):
    clips = [Clip("War", "Neutral", number, 1 + number, "train") for number in range(16)]
    clips.append(Clip("War", "Neutral", 16, 1, "test"))
    ferv39k_tree.write_tree(tmp_path / "release", clips)
    builder = build(tmp_path / "release", tmp_path / "data")
    assert_every_frame(builder, clips)
    assert len(builder.info.metadata["clips_below_16_frames"]) == 16


def test_shards_follow_the_number_of_frames(pristine, tmp_path, monkeypatch):
    monkeypatch.setattr("tfds_builders.single_pass._FRAMES_PER_SHARD", 50)
    builder = build(pristine, tmp_path)
    assert builder.info.splits["train"].num_shards > 5
    assert_every_frame(builder)
