import shutil
import sys

import dfew_tree
import numpy as np
import pytest
import tensorflow_datasets as tfds

from dfer_jax.errors import UserError
from dfer_jax.labels import CLASSES
from tfds_builders.dfew.dfew_dataset_builder import Builder

CLIPS = [
    dfew_tree.Clip(clip, 1 + clip % 20, clip % 7 + 1, clip % 5 + 1)
    for clip in (1, 2, 4, 17, 18, 1600, 1601, 8003, 12000, 16372)
]


class EncodedBytes(tfds.decode.Decoder):
    """Gives frames as stored."""

    def decode_example(self, example):
        raise NotImplementedError

    def decode_example_np(self, example):
        return example

    decode_batch_example_np = decode_example_np


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    root = tmp_path_factory.mktemp("release")
    dfew_tree.write_tree(root, CLIPS)
    return root


@pytest.fixture
def root(pristine, tmp_path):
    """A tree of the release that a test may damage."""
    return shutil.copytree(pristine, tmp_path / "release")


def build(root, data_dir, *, form="full", **kwargs):
    builder = Builder(config=form, data_dir=data_dir, **kwargs)
    config = tfds.download.DownloadConfig(manual_dir=root)
    builder.download_and_prepare(download_config=config)
    return builder


def assert_every_frame(builder, *, form="full"):
    """Checks clips, folds, labels and, by pixels, the frames of each clip in order."""
    for fold in range(1, 6):
        clips = sorted((clip for clip in CLIPS if clip.fold == fold), key=lambda clip: clip.id)
        source = builder.as_data_source(split=f"fd{fold}")
        assert [example["clip_id"].decode() for example in source] == [
            f"{clip.id:05d}" for clip in clips
        ]
        for clip, example in zip(clips, source, strict=True):
            frames = 16 if form == "f16" else clip.frames
            assert example["num_frames"] == frames
            assert example["label"] == clip.label - 1
            assert [dfew_tree.decode(frame) for frame in example["frames"]] == [
                (clip.id, number) for number in range(1, frames + 1)
            ]


def error_of(root, data_dir, **kwargs):
    """Builds, expects failure, and that nothing valid is left; returns the message."""
    with pytest.raises(UserError) as error:
        build(root, data_dir, **kwargs)
    assert not list(data_dir.glob("dfew/[!.]*/*"))
    return str(error.value)


def frame_path(root, clip, frame):
    return dfew_tree.clip_folder(root, clip) / dfew_tree.frame_name(clip, frame)


@pytest.mark.parametrize("form", ["full", "f16"])
@pytest.mark.parametrize("layout", dfew_tree.LAYOUTS)
def test_every_layout_gives_every_frame_in_order(tmp_path, layout, form):
    dfew_tree.write_tree(tmp_path / "release", CLIPS, layout=layout, form=form)
    builder = build(tmp_path / "release", tmp_path / "data", form=form)
    assert_every_frame(builder, form=form)
    assert "tensorflow" not in sys.modules


def test_both_forms_under_one_root_are_not_mixed(root, tmp_path):
    for clip in CLIPS:
        folder = dfew_tree.clip_folder(root, clip.id, form="f16")
        dfew_tree.write_frames(folder, clip.id, 16, form="f16")
    for form in ("full", "f16"):
        assert_every_frame(build(root, tmp_path / "data", form=form), form=form)


def test_stored_bytes_are_the_files(pristine, tmp_path):
    builder = build(pristine, tmp_path / "data")
    source = builder.as_data_source(split="fd3+fd2", decoders={"frames": EncodedBytes()})
    example = next(example for example in source if example["clip_id"] == b"00017")
    files = [frame_path(pristine, 17, number).read_bytes() for number in range(1, 19)]
    assert list(example["frames"]) == files


def test_png_frames_are_stored_and_read_back(root, tmp_path):
    path = frame_path(root, 2, 2)
    path.with_suffix(".png").write_bytes(dfew_tree.encode(2, 2, suffix=".png"))
    path.unlink()
    assert_every_frame(build(root, tmp_path / "data"))


def test_features_splits_and_registration(pristine, tmp_path):
    builder = build(pristine, tmp_path)
    assert tfds.builder_cls("dfew") is Builder
    assert Builder(data_dir=tmp_path).builder_config.name == "full"
    assert builder.info.features["label"].names == list(CLASSES)
    assert list(builder.info.splits) == ["fd1", "fd2", "fd3", "fd4", "fd5"]
    assert sum(split.num_examples for split in builder.info.splits.values()) == len(CLIPS)
    assert builder.info.citation.startswith("@inproceedings{jiang2020dfew")


def test_report_is_printed_and_kept(root, tmp_path, capsys):
    dfew_tree.write_frames(dfew_tree.clip_folder(root, 5), 5, 2)
    frame_path(root, 17, 3).unlink()
    build(root, tmp_path / "data")
    printed = capsys.readouterr().out
    assert "fd1              2     2,341" in printed
    assert "1 further clips are in no list" in printed
    assert "1 clips have gaps in their frame numbers:\n  00017 (1 numbers up to 18)" in printed
    kept = Builder(data_dir=tmp_path / "data").info.metadata
    assert kept["clips_with_gaps"] == ["00017 (1 numbers up to 18)"]
    assert kept["unlisted_clips"] == 1 and kept["num_clips"] == len(CLIPS)
    assert kept["clips_by_frame_size"] == {"32x48": len(CLIPS)}
    assert kept["votes"] is False


@pytest.mark.parametrize("form", ["full", "f16", "original"])
def test_votes_are_stored_with_every_form(tmp_path, form):
    dfew_tree.write_tree(tmp_path / "release", CLIPS, form=form)
    sheet = tmp_path / "release" / "Annotation" / "annotation.xlsx"
    dfew_tree.write_votes(sheet, [dfew_tree.vote_row(clip) for clip in CLIPS[:-1]])
    builder = build(tmp_path / "release", tmp_path / "data", form=form)
    votes = {int(e["clip_id"]): list(e["votes"]) for e in builder.as_data_source(split="all")}
    assert votes == {
        **{clip.id: dfew_tree.votes_of(clip.id, clip.label) for clip in CLIPS[:-1]},
        CLIPS[-1].id: [0] * 7,
    }
    assert builder.info.metadata["votes"] is True
    assert builder.info.features["votes"].np_dtype == np.int32
    (warning,) = [line for line in builder.info.metadata["warnings"] if "votes" in line]
    assert warning.startswith("1 listed clips have no votes in Annotation/annotation.xlsx")


def test_a_sheet_that_cannot_be_read_stops_the_build_once(root, tmp_path):
    (root / "annotation.xlsx").write_bytes(b"not a sheet")
    message = error_of(root, tmp_path / "data")
    assert "lists and folders 1" in message and "remove the file to build without votes" in message
    (root / "annotation.xlsx").unlink()
    assert_every_frame(build(root, tmp_path / "data"))


def test_one_error_lists_every_kind_of_problem(root, tmp_path):
    with open(dfew_tree.list_folder(root, "test") / "set_1.csv", "a") as file:
        file.write("20000,1\n3,9\n")
    with open(dfew_tree.list_folder(root, "test") / "set_2.csv", "a") as file:
        file.write(f"{CLIPS[1].id},1\n")
    shutil.rmtree(dfew_tree.clip_folder(root, 1601))
    for path in dfew_tree.clip_folder(root, 12000).iterdir():
        path.unlink()
    whole = frame_path(root, 17, 5).read_bytes()
    frame_path(root, 17, 5).write_bytes(whole[:-20])
    frame_path(root, 18, 6).write_bytes(b"")
    frame_path(root, 18, 7).write_bytes(b"not an image")
    message = error_of(root, tmp_path / "data")
    for part in (
        "lists and folders 3, missing or empty clips 2, damaged images 3",
        "unknown clip id '20000'",
        "label '9' of clip 00003",
        "clip 00002 is in the test lists of folds 2 and 3",
        "clip 01601: no folder",
        "clip 12000: no image in its folder",
        "00017/00017_00005.jpg: truncated",
        "00018/00018_00006.jpg: the file is empty",
        "00018/00018_00007.jpg: not a JPEG, PNG, BMP or WebP image but something else",
        "--allow_missing",
    ):
        assert part in message


def test_the_first_twenty_problems_and_their_number(root, tmp_path):
    for clip in (17, 18):
        for path in dfew_tree.clip_folder(root, clip).glob("*.jpg"):
            path.write_bytes(b"")
    message = error_of(root, tmp_path / "data")
    assert "damaged images 37" in message and message.endswith("... and 17 more")
    assert message.count("\n") == 21


def test_damage_in_the_last_clip_leaves_nothing(root, tmp_path):
    frame_path(root, 16372, 1).write_bytes(b"\xff\xd8\xff\xd9")
    assert "16372/16372_00001.jpg" in error_of(root, tmp_path / "data")


def test_missing_clips_may_be_allowed_and_are_listed(root, tmp_path, capsys):
    shutil.rmtree(dfew_tree.clip_folder(root, 1601))
    builder = build(root, tmp_path / "data", allow_missing=True)
    assert builder.info.metadata["missing_clips"] == ["01601"]
    assert "1 listed clips are missing and were left out:\n  01601" in capsys.readouterr().out
    ids = [example["clip_id"] for example in builder.as_data_source(split="all")]
    assert b"01601" not in ids and len(ids) == len(CLIPS) - 1


def test_a_fold_without_any_clip_left_is_refused(root, tmp_path):
    for clip in CLIPS:
        if clip.fold == 2:
            shutil.rmtree(dfew_tree.clip_folder(root, clip.id))
    message = error_of(root, tmp_path / "data", allow_missing=True)
    assert "split fd2 would be empty: none of its clips is there; extract them" in message


def test_damaged_images_are_errors_even_if_clips_may_be_missing(root, tmp_path):
    frame_path(root, 17, 1).write_bytes(b"")
    assert "damaged images 1" in error_of(root, tmp_path / "data", allow_missing=True)


def test_a_half_extracted_release_is_said_at_once(root, tmp_path):
    clips = CLIPS + [dfew_tree.Clip(3201 + i, 1, 1, i % 5 + 1) for i in range(120)]
    dfew_tree.write_lists(root, clips)
    message = error_of(root, tmp_path / "data")
    assert "is half extracted, 120 of 130 listed clips are absent" in message
    assert "03201-04800: part 3 of" in message and "\n" not in message


@pytest.mark.parametrize(
    ("make", "state"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.mkdir(), "is empty"),
        (lambda path: path.write_bytes(b""), "is not a folder"),
    ],
)
def test_a_wrong_manual_dir_is_one_sentence(tmp_path, make, state):
    make(tmp_path / "release")
    message = error_of(tmp_path / "release", tmp_path / "data")
    assert (
        f"manual_dir {tmp_path / 'release'} {state}: pass the folder that holds the data of dfew"
        in message
    )
    assert "\n" not in message


def test_clips_without_lists_and_lists_without_clips(root, tmp_path):
    (root / "Clip").rename(tmp_path / "Clip")
    assert "has no DFEW clip folders" in error_of(root, tmp_path / "data")
    (tmp_path / "Clip").rename(root / "Clip")
    shutil.rmtree(root / "EmoLabel_DataSplit")
    assert "lacks DFEW's test lists" in error_of(root, tmp_path / "data")


def test_shards_follow_the_number_of_frames(pristine, tmp_path, monkeypatch):
    monkeypatch.setattr("tfds_builders.single_pass._FRAMES_PER_SHARD", 20)
    builder = build(pristine, tmp_path)
    assert [clip.frames for clip in CLIPS if clip.fold == 3] == [3, 18, 13]
    assert builder.info.splits["fd3"].num_shards == 3
    assert_every_frame(builder)
