import sys

import pytest
import tensorflow_datasets as tfds
from release_trees import cremad

from dfer_jax.errors import UserError
from tfds_builders.cremad.cremad_dataset_builder import Builder
from tfds_builders.cremad.names import BROKEN, SENTENCES

ONE_EACH = (1001, 1019, 1037, 1064, 1076)  # an actor of each fold, two with broken videos
ACTED = cremad.takes_of(*ONE_EACH)
FEW = [take for take in ACTED if take.sentence in ("IEO", "TIE") or take.id in BROKEN]
SOUND = [take for take in FEW if take.id not in BROKEN]


def build(root, data_dir, *, config="asked", **kwargs):
    builder = Builder(config=config, data_dir=data_dir, **kwargs)
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=root))
    return builder


def assert_every_frame(builder, takes, *, labels=None, video=True, frames=3):
    """Checks clips, folds, labels, features and, by pixels, the frames of each clip in order."""
    names = builder.info.features["label"].names
    for split in builder.info.splits:
        wanted = [take for take in takes if take.split == split]
        source = builder.as_data_source(split=split)
        assert [e["clip_id"].decode() for e in source] == [take.id for take in wanted]
        for take, example in zip(wanted, source, strict=True):
            assert names[example["label"]] == (labels[take.id] if labels else take.asked)
            assert example["group"].decode() == str(example["actor"]) == str(take.actor)
            assert SENTENCES[example["sentence"]] == take.sentence
            assert cremad.codes.read(example["frames"], video=video) == [
                (take.id, number) for number in range(1, frames + 1)
            ]


@pytest.mark.parametrize("layout", ["clone", "capitals", "crops"])
def test_every_frame_of_videos_and_of_crops(tmp_path, layout, capsys):
    for take in FEW:
        cremad.write(tmp_path / "release", take, layout=layout)
    builder = build(tmp_path / "release", tmp_path / "data")
    assert_every_frame(builder, SOUND, video=layout != "crops")
    printed = capsys.readouterr().out
    assert ("faces are not cropped" in printed) == (layout != "crops")
    assert "4 clips are broken at the source and were left out" in printed
    assert "tensorflow" not in sys.modules


def test_seen_differs_from_asked_and_is_kept(tmp_path):
    for take in FEW:
        cremad.write(tmp_path / "release", take)
    votes = {take.id: "N" if take.emotion == "SAD" else take.emotion[0] for take in FEW}
    votes[SOUND[0].id] = "A:N"
    cremad.write_votes(tmp_path / "release", votes)
    builder = build(tmp_path / "release", tmp_path / "data", config="seen")
    labels = {t.id: "neutral" if t.emotion == "SAD" else t.asked for t in SOUND[1:]}
    assert_every_frame(builder, SOUND[1:], labels=labels)
    assert builder.info.features["label"].names == [
        "happiness", "sadness", "neutral", "anger", "disgust", "fear",
    ]  # fmt: skip
    assert any("no majority" in line for line in builder.info.metadata["warnings"])
    assert tfds.builder_cls("cremad") is Builder


def test_a_truncated_video_stops_and_a_single_picture_does_not(tmp_path):
    root = tmp_path / "release"
    for take in FEW:
        cremad.write(root, take, frames=1 if take == SOUND[1] else 20)
    builder = build(root, tmp_path / "data")
    assert builder.info.metadata["clips_below_16_frames"] == [SOUND[1].id]
    path = cremad.path(root, SOUND[0])
    path.write_bytes(path.read_bytes()[:300])  # within the first picture
    with pytest.raises(UserError, match=rf"damaged images or videos 1.*\n  {SOUND[0].id} "):
        build(root, tmp_path / "again")
    assert not list((tmp_path / "again").glob("cremad/[!.]*/*"))
