import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds
from video_files import number_of, picture, write_video

from dfer_jax.errors import UserError
from tfds_builders import build as command
from tfds_builders.video_folder.clips import SHORTER_SIDE

LARGE = (SHORTER_SIDE * 2, SHORTER_SIDE * 3)


class EncodedBytes(tfds.decode.Decoder):
    """Gives frames as stored."""

    def decode_example(self, example):
        raise NotImplementedError

    def decode_example_np(self, example):
        return example

    decode_batch_example_np = decode_example_np


def jpeg(number):
    return cv2.imencode(".jpg", picture(number)[..., ::-1])[1].tobytes()


@pytest.fixture
def root(tmp_path):
    """Six videos, one of them large, and a frame folder."""
    root = tmp_path / "clips"
    (root / "anna" / "frames").mkdir(parents=True)
    rows = ["path;label;split;group"]
    for at in range(6):
        size = dict(zip(("height", "width"), LARGE, strict=True)) if at == 5 else {}
        pictures = [picture(at + number, **size) for number in range(at + 1)]
        write_video(root / f"v{at}.mp4", pictures)
        rows.append(f"v{at}.mp4;{('joy', 'Sad')[at % 2]};{('train', 'test')[at // 3]};")
    for number in (1, 2, 10):
        (root / "anna" / "frames" / f"{number}.jpg").write_bytes(jpeg(number))
    rows.append(r"anna\frames;afraid;dev;Anna")
    (root / "labels.csv").write_bytes("\r\n".join(rows).encode("utf-8-sig"))
    return root


def build(root, data_dir, name="video_folder/mine", **kwargs):
    return command.build(name, data_dir=str(data_dir), manual_dir=str(root), **kwargs)[0]


def error_of(root, data_dir, **kwargs):
    with pytest.raises(UserError) as error:
        build(root, data_dir, **kwargs)
    assert not list(data_dir.rglob("dataset_info.json"))
    return str(error.value)


def test_every_clip_with_its_frames(root, tmp_path):
    builder = build(root, tmp_path / "data")
    assert builder.builder_config.name == "mine"
    train, test = (builder.as_data_source(split=split) for split in ("train", "test"))
    assert [example["clip_id"].decode() for example in train] == ["v0", "v1", "v2"]
    assert [example["clip_id"].decode() for example in test] == ["v3", "v4", "v5"]
    for at, example in enumerate([*train, *test]):
        assert example["label"] == at % 2
        assert example["num_frames"] == at + 1
        assert [number_of(frame) for frame in example["frames"]] == list(range(at, 2 * at + 1))
        assert example["group"] == b""
        assert example["fps"] == pytest.approx(25)
        shape = (SHORTER_SIDE, SHORTER_SIDE * 3 // 2, 3) if at == 5 else (48, 64, 3)
        assert example["frames"][0].shape == shape


def test_frame_folders_keep_their_bytes(root, tmp_path):
    builder = build(root, tmp_path / "data")
    decoders = {"frames": EncodedBytes()}
    (example,) = builder.as_data_source(split="validation", decoders=decoders)
    assert example["clip_id"] == b"anna/frames" and example["group"] == b"Anna"
    assert example["label"] == 2 and example["fps"] == 0
    assert list(example["frames"]) == [jpeg(1), jpeg(2), jpeg(10)]


def test_what_was_noticed_is_kept_and_printed(root, tmp_path, capsys):
    write_video(root / "unused.mp4", [picture(0)])
    builder = build(root, tmp_path / "data")
    facts = builder.info.metadata
    assert facts["table"] == "labels.csv" and facts["clips_in_no_row"] == ["unused.mp4"]
    assert facts["clips_per_split_and_class"]["train"] == [2, 1, 0]
    printed = capsys.readouterr().out
    assert list(builder.info.features["label"].names) == ["happiness", "sadness", "fear"]
    for text in (
        "faces are not cropped",
        "Sad as sadness",
        "afraid as fear",
        "unused.mp4",
        "no training clip of fear",
    ):
        assert text in printed


def test_the_division_made_here_is_told(root, tmp_path, capsys):
    rows = "".join(f"v{at}.mp4,{('joy', 'Sad')[at % 2]}\n" for at in range(6))
    (root / "labels.csv").write_text(f"path,label\n{rows}")
    builder = build(root, tmp_path / "data")
    sizes = {name: info.num_examples for name, info in builder.info.splits.items()}
    assert sizes == {"train": 4, "test": 2}
    said = capsys.readouterr().out
    assert "4 (67%) of its 6 clips went to train and 2 (33%) to test, clip by clip" in said
    assert "only 2 test clips: a score on so few measures next to nothing" in said
    assert "(95 % interval up to +-69 points); add test clips, at least 30" in said


def test_a_damaged_video_stops_the_build(root, tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (30, 48, 64, 3), np.uint8)
    path = write_video(root / "v0.mp4", noise, options={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[:-5000])
    message = error_of(root, tmp_path / "data")
    assert "damaged images or videos 1" in message
    assert "v0 (v0.mp4): cut short or damaged after" in message


def test_a_missing_video_stops_the_build_unless_allowed(root, tmp_path):
    (root / "v2.mp4").unlink()
    message = error_of(root, tmp_path / "data")
    assert "line 4: v2.mp4 is not there" in message and "archives" not in message
    builder = build(root, tmp_path / "data", allow_missing=True)
    assert builder.info.splits["train"].num_examples == 2
    assert builder.info.metadata["missing_clips"] == ["v2.mp4"]


def test_the_name_is_free_but_plain(root, tmp_path):
    assert build(root, tmp_path / "data", "video_folder").builder_config.name == "default"
    for name in ("Mine", "my-clips", "1st", "../x"):
        with pytest.raises(UserError, match="a-z, 0-9 and _"):
            build(root, tmp_path / "data", f"video_folder/{name}")


def test_clips_without_motion_are_clips(root, tmp_path):
    """A still of one frame trains too; it is only named as short."""
    builder = build(root, tmp_path / "data")
    assert set(builder.info.metadata["clips_below_16_frames"]) == {
        *(f"v{at}" for at in range(6)),
        "anna/frames",
    }


def test_without_a_folder_it_says_which_flag(tmp_path):
    with pytest.raises(UserError, match=r"video_folder is built from files .* by --manual_dir"):
        command.build("video_folder", data_dir=str(tmp_path))


def test_any_classes_in_their_order(root, tmp_path, capsys):
    words, split = ("no pain", "pain", "contempt"), ("train", "test")
    rows = "".join(f"v{at}.mp4,{words[at % 3]},{split[at // 3]}\n" for at in range(6))
    (root / "labels.csv").write_text(f"path,label,split\n{rows}")
    builder = build(root, tmp_path / "data")
    assert list(builder.info.features["label"].names) == ["contempt", "no pain", "pain"]
    again = tfds.builder_from_directory(str(builder.data_path))
    assert list(again.info.features["label"].names) == ["contempt", "no pain", "pain"]
    assert "counted by their meaning" not in capsys.readouterr().out


def test_classes_that_are_stated(root, tmp_path):
    builder = build(root, tmp_path / "data", classes=["fear", "sadness", "joy", "pain, sudden"])
    assert list(builder.info.features["label"].names) == ["fear", "sadness", "joy", "pain, sudden"]
    (example,) = builder.as_data_source(split="validation", decoders={"frames": EncodedBytes()})
    assert example["label"] == 0
    assert any(
        "no clip is labelled pain, sudden" in text for text in builder.info.metadata["warnings"]
    )


def test_classes_are_stated_for_own_videos_only(root, tmp_path):
    with pytest.raises(UserError, match="--classes is for video_folder; leave it out for dfew"):
        build(root, tmp_path / "data", "dfew/full", classes=["a", "b"])
