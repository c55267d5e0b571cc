import dataclasses
import json
import shutil
import sys

import aff_wild2_tree
import numpy as np
import pytest
import tensorflow_datasets as tfds
from aff_wild2_tree import EDITIONS, EIGHT, SEVEN, VIDEOS

from dfer_jax.errors import UserError
from dfer_jax.labels import CLASSES
from tfds_builders import build as command
from tfds_builders.aff_wild2.aff_wild2_dataset_builder import Builder

FORM = EDITIONS["2021"]
STORED = ("Happiness", "Sadness", "Neutral", "Anger", "Surprise", "Disgust", "Fear", "Other")
UNITS = [f"AU{unit}" for unit in (1, 2, 4, 6, 7, 10, 12, 15, 23, 24, 25, 26)]


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    root = tmp_path_factory.mktemp("release")
    aff_wild2_tree.write_tree(root)
    return root


@pytest.fixture
def root(pristine, tmp_path):
    """A tree of the release that a test may damage."""
    return shutil.copytree(pristine, tmp_path / "release")


def build(root, data_dir, *, config="expr", **kwargs):
    builder = Builder(config=config, data_dir=data_dir, **kwargs)
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=root))
    return builder


def error_of(root, data_dir, **kwargs):
    """Builds, expects failure, and that nothing valid is left; returns the message."""
    with pytest.raises(UserError) as error:
        build(root, data_dir, **kwargs)
    assert not list(data_dir.glob("aff_wild2/[!.]*/*"))
    return str(error.value)


def in_tree(video, track):
    """Returns the video as the tree holds it: its file of units is two rows shorter."""
    if track == "expr":
        return video
    return dataclasses.replace(video, rows=max(video.rows - 2, *video.unknown, 0))


def expected_label(cells, track, form):
    """Returns (label, valid) of a row, by the names in the header; the row may be absent."""
    if track == "expr":
        code = -1 if cells is None else cells[0]
        return (-1, False) if code < 0 else (STORED.index(form.classes[code]), True)
    if cells is None:
        return [-1] * 12, False
    by_name = dict(zip(form.units, cells, strict=True))
    label = [by_name.get(unit, -1) for unit in UNITS]
    return label, all(by_name[unit] >= 0 for unit in UNITS if unit in by_name)


def assert_every_frame(builder, form=FORM, videos=VIDEOS):
    """Checks every example: pixels, numbers, labels, and which of them count."""
    track = builder.builder_config.name
    feature = {"expr": "expressions", "au": "action_units"}[track]
    for split in ("train", "validation"):
        own = sorted((v for v in videos if v.split == split), key=lambda v: v.name)
        source = builder.as_data_source(split=split)
        assert [example["clip_id"].decode() for example in source] == [v.name for v in own]
        for video, example in zip(own, source, strict=True):
            place, video = VIDEOS.index(video), in_tree(video, track)
            truth = aff_wild2_tree.truth(video, track, form)
            assert example["num_frames"] == len(video.pictures) == len(example["frames"])
            assert example["num_rows"] == video.rows
            assert example["frame_numbers"].tolist() == list(video.pictures)
            assert [aff_wild2_tree.decode(frame) for frame in example["frames"]] == [
                (place, number) for number in video.pictures
            ]
            wanted = [expected_label(truth.get(n), track, form) for n in video.pictures]
            assert np.asarray(example[feature]).tolist() == [label for label, _ in wanted]
            assert example["valid"].tolist() == [valid for _, valid in wanted]


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize("track", ["expr", "au"])
def test_every_edition_gives_every_frame_with_its_label(tmp_path, edition, track):
    form = aff_wild2_tree.write_tree(tmp_path / "release", edition=edition)
    builder = build(tmp_path / "release", tmp_path / "data", config=track)
    assert_every_frame(builder, form)
    kept = builder.info.metadata
    left_out = track == "au" and edition == "2020"
    assert kept["columns_left_out"] == ({"AU20": 9} if left_out else {})
    assert "tensorflow" not in sys.modules


def test_features_splits_and_registration(pristine, tmp_path):
    builder = build(pristine, tmp_path)
    assert tfds.builder_cls("aff_wild2") is Builder
    assert list(Builder.builder_configs) == ["expr", "au"]
    assert builder.builder_config.name == Builder(data_dir=tmp_path).builder_config.name == "expr"
    assert builder.info.features["expressions"].feature.names == [*CLASSES, "other"]
    assert {name: split.num_examples for name, split in builder.info.splits.items()} == {
        "train": 5,
        "validation": 4,
    }
    assert "label" not in builder.info.features
    assert builder.info.citation.startswith("@article{kollias2018affwild2")


def test_both_faces_of_a_video_are_apart_and_share_a_group(pristine, tmp_path):
    source = build(pristine, tmp_path).as_data_source(split="all")
    faces = {
        example["clip_id"].decode(): (example["group"].decode(), example["subject"].decode())
        for example in source
    }
    assert faces == {
        "10-60-1280x720": ("10-60-1280x720", ""),
        "10-60-1280x720_right": ("10-60-1280x720", "right"),
        "106": ("106", ""),
        "122-60-1920x1080-1": ("122-60-1920x1080-1", ""),
        "15-24-1920x1080": ("15-24-1920x1080", ""),
        "video10_1_left": ("video10_1", "left"),
        "video10_1_right": ("video10_1", "right"),
        "video2_left": ("video2", "left"),
        "video86_1": ("video86_1", ""),
    }


def test_the_order_is_that_of_each_file_s_header(root, tmp_path):
    order = [6, 2, 0, 5, 1, 4, 3]
    aff_wild2_tree.write_annotation(root, VIDEOS[2], "expr", FORM, order=order, newline="\r\n")
    for video in VIDEOS:
        aff_wild2_tree.write_annotation(
            root, in_tree(video, "au"), "au", FORM, order=[11, *range(11)]
        )
    builder = build(root, tmp_path / "data")
    assert_every_frame(builder)
    assert sorted(builder.info.metadata["headers"].values()) == [1, 8]
    assert_every_frame(build(root, tmp_path / "data", config="au"))


def test_files_of_seven_and_of_eight_classes_mix_by_name(root, tmp_path, capsys):
    eight = dataclasses.replace(FORM, classes=EIGHT)
    video = VIDEOS[0]
    aff_wild2_tree.write_annotation(root, video, "expr", eight)
    builder = build(root, tmp_path / "data")
    example = builder.as_data_source(split="train")[0]
    truth = aff_wild2_tree.truth(video, "expr", eight)
    assert list(example["expressions"]) == [
        expected_label(truth[n], "expr", eight)[0] for n in video.pictures
    ]
    assert 7 in list(example["expressions"])
    assert builder.info.metadata["headers"] == {",".join(EIGHT): 1, ",".join(SEVEN): 8}
    assert "2 headers differ, names are joined:\n  Neutral,Anger" in capsys.readouterr().out


def test_everything_is_counted_and_listed(pristine, tmp_path, capsys):
    builder = build(pristine, tmp_path)
    printed = capsys.readouterr().out
    kept = Builder(data_dir=tmp_path).info.metadata
    assert kept == json.loads(json.dumps(kept)) and kept["num_clips"] == 9
    frames = sum(len(video.pictures) for video in VIDEOS)
    assert kept["num_frames"] == frames == 12 + 4 + 113 + 10 + 5 + 19 + 18 + 1 + 9
    names = (
        "rows",
        "pictures",
        "rows_without_picture",
        "valid_rows_without_picture",
        "pictures_without_row",
        "valid",
    )
    met = {name: tuple(video[key] for key in names) for name, video in kept["videos"].items()}
    assert met == {
        "10-60-1280x720": (12, 12, 0, 0, 0, 12),
        "10-60-1280x720_right": (12, 4, 8, 5, 0, 2),
        "106": (120, 113, 7, 5, 0, 111),
        "122-60-1920x1080-1": (8, 10, 1, 1, 3, 6),
        "15-24-1920x1080": (5, 5, 0, 0, 0, 0),
        "video10_1_left": (20, 19, 1, 1, 0, 18),
        "video10_1_right": (20, 18, 2, 2, 0, 17),
        "video2_left": (30, 1, 29, 16, 0, 1),
        "video86_1": (9, 9, 0, 0, 0, 9),
    }
    for part in (
        "6 videos have rows without picture, which cannot be stored:\n"
        "  10-60-1280x720_right (8 of 12 rows, 5 of them annotated)\n",
        "  video2_left (29 of 30 rows, 16 of them annotated)",
        "1 videos have pictures without row, stored without label:\n"
        "  122-60-1920x1080-1 (3 of 10 pictures)\n",
        "1 videos have no annotated picture at all:\n  15-24-1920x1080\n",
        "1 folders of pictures have no annotation and were left out:\n  a_test_video\n",
        "2 files in clip folders are no images and were left out:\n",
        "Train_Set/list.csv\n",
        "10-60-1280x720/notes.txt\n",
        "2 hidden files among annotations and pictures were passed over",
        f"{frames} frames; height x width 32x48 (9 clips)",
    ):
        assert part in printed, part
    assert "headers differ" not in printed and "each split" not in printed
    assert kept["stray_files"] == 2 and kept["hidden_files"] == 2
    assert builder.info.metadata["picture_folders_without_annotation"] == ["a_test_video"]


@pytest.mark.parametrize("track", ["expr", "au"])
def test_frames_of_every_label_are_counted(pristine, tmp_path, capsys, track):
    builder = build(pristine, tmp_path, config=track)
    printed = " ".join(capsys.readouterr().out.split())
    names = [*CLASSES, "other"] if track == "expr" else UNITS
    for split, counts in builder.info.metadata["frames_per_split"].items():
        own = [in_tree(video, track) for video in VIDEOS if video.split == split]
        rows = [row for v in own for row in aff_wild2_tree.truth(v, track, FORM).values()]
        labels = [expected_label(row, track, FORM) for row in rows]
        shown = [
            sum(label == k if track == "expr" else label[k] == 1 for label, _ in labels)
            for k in range(len(names))
        ]
        assert counts == {
            "videos": len(own),
            "frames": sum(len(video.pictures) for video in own),
            "annotated": sum(valid for _, valid in labels),
            **dict(zip(names, shown, strict=True)),
        }
        assert " ".join([split, *(f"{number:,}" for number in counts.values())]) in printed


def test_an_unknown_cell_makes_only_its_frame_invalid_and_keeps_the_others(pristine, tmp_path):
    examples = build(pristine, tmp_path, config="au").as_data_source(split="train")
    (example,) = (e for e in examples if e["clip_id"] == b"106")
    places = {number: place for place, number in enumerate(example["frame_numbers"].tolist())}
    partly = example["action_units"][places[100]]  # rows 6, 100: one cell; rows 7, 119: all
    assert partly[0] == -1 and set(partly[1:].tolist()) <= {0, 1}
    assert example["action_units"][places[7]].tolist() == [-1] * 12
    assert not example["valid"][places[100]] and not example["valid"][places[7]]
    assert example["valid"][places[101]]


def test_one_error_lists_every_kind_of_problem(root, tmp_path):
    def edit(video, change):
        path = aff_wild2_tree.annotation_path(root, video, "expr", FORM)
        lines = path.read_text().splitlines()
        change(lines)
        path.write_text("\n".join(lines))

    edit(VIDEOS[0], lambda lines: lines.pop(0))
    edit(VIDEOS[2], lambda lines: lines.__setitem__(4, "7"))
    edit(VIDEOS[8], lambda lines: lines.insert(3, ""))
    folder = aff_wild2_tree.picture_folder(root, VIDEOS[6], FORM)
    (folder / "00003.jpg").write_bytes((folder / "00003.jpg").read_bytes()[:-20])
    (folder / "5.jpg").write_bytes((folder / "00005.jpg").read_bytes())
    (folder / "00000.jpg").write_bytes((folder / "00005.jpg").read_bytes())
    (folder / "00019_copy_20.jpg").write_bytes((folder / "00005.jpg").read_bytes())
    shutil.rmtree(aff_wild2_tree.picture_folder(root, VIDEOS[1], FORM))
    twice = root / FORM.folder("expr", "train") / "video10_1_left.txt"
    twice.write_text("Neutral\n0\n")
    message = error_of(root, tmp_path / "data")
    for part in (
        "Aff-Wild2 (expr) was not built",
        "10-60-1280x720.txt: line 1 is no header of expressions",
        "106.txt: line 5 is '7' where the header asks for whole number from -1 to 6",
        "video86_1.txt: line 4 is '' where",
        "has the frame number of 00005.jpg",
        "00000.jpg: pictures are named by their number from 1 alone",
        "00019_copy_20.jpg: pictures are named by their number",
        "video10_1_left.txt annotate the same video: remove one of the two",
        "video 10-60-1280x720_right: no folder of pictures",
        "video10_1_right/00003.jpg: truncated",
        "--allow_missing",
    ):
        assert part in message, part


def test_videos_without_pictures_may_be_allowed_and_are_listed(root, tmp_path):
    shutil.rmtree(aff_wild2_tree.picture_folder(root, VIDEOS[1], FORM))
    (aff_wild2_tree.picture_folder(root, VIDEOS[7], FORM) / "00014.jpg").unlink()
    message = error_of(root, tmp_path / "data")
    assert "missing or empty clips 2" in message
    assert "video video2_left: no picture in its folder" in message
    builder = build(root, tmp_path / "data", allow_missing=True)
    assert builder.info.metadata["missing_clips"] == ["10-60-1280x720_right", "video2_left"]
    assert_every_frame(builder, videos=[v for v in VIDEOS if v not in (VIDEOS[1], VIDEOS[7])])


def test_the_command_builds(pristine, tmp_path):
    builder, built = command.build("aff_wild2/au", data_dir=str(tmp_path), manual_dir=str(pristine))
    assert built and builder.info.splits["train"].num_shards == 1
