import sys

import pytest
import tensorflow_datasets as tfds
from release_trees import ravdess

from dfer_jax.errors import UserError
from tfds_builders.ravdess.ravdess_dataset_builder import Builder

ONE_EACH = (1, 5, 9, 13, 17, 21)  # an actor of each fold
FEW = [trial for trial in ravdess.trials_of(*ONE_EACH, channels=(1, 2)) if trial.emotion in (2, 6)]
FEW = [trial for trial in FEW if (trial.statement, trial.repetition) == (1, 1)]


def build(root, data_dir, *, config="speech", **kwargs):
    builder = Builder(config=config, data_dir=data_dir, **kwargs)
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=root))
    return builder


def assert_every_frame(builder, trials, *, video=True):
    """Checks clips, folds, labels, features and, by pixels, the frames of each clip in order."""
    names = builder.info.features["label"].names
    for split in builder.info.splits:
        wanted = sorted(trial for trial in trials if trial.split == split)
        source = builder.as_data_source(split=split)
        assert [e["clip_id"].decode() for e in source] == [trial.name(2) for trial in wanted]
        for trial, example in zip(wanted, source, strict=True):
            assert names[example["label"]] == trial.label
            assert example["group"].decode() == f"{trial.actor:02d}"
            assert (example["intensity"], example["channel"]) == (
                trial.intensity - 1, trial.channel - 1,
            )  # fmt: skip
            assert example["fps"] == (25 if video else 0)
            read = ravdess.codes.read(example["frames"], video=video)
            assert read == [(trial.name(2), number) for number in (1, 2, 3)]


@pytest.mark.parametrize("layout", ["archives", "crops"])
def test_every_frame_of_videos_and_of_crops(tmp_path, layout, capsys):
    for trial in FEW:
        ravdess.write(tmp_path / "release", trial, layout=layout)
    builder = build(tmp_path / "release", tmp_path / "data", config="all")
    assert_every_frame(builder, FEW, video=layout != "crops")
    printed = capsys.readouterr().out
    assert ("faces are not cropped" in printed) == (layout != "crops")
    assert "fd1              8       416" in printed
    assert "tensorflow" not in sys.modules


def test_one_of_several_modalities_and_what_is_kept(tmp_path):
    spoken = [trial for trial in FEW if trial.channel == 1]
    for trial in FEW:
        for modality in (1, 2):
            ravdess.write(tmp_path / "release", trial, modality)
    builder = build(tmp_path / "release", tmp_path / "data")
    assert_every_frame(builder, spoken)
    kept = builder.info.metadata
    assert kept["modalities"] == {"02": len(spoken)} and kept["num_clips"] == len(spoken)
    assert kept["clips_per_actor"] == {f"{actor:02d}": 4 for actor in ONE_EACH}
    assert builder.info.features["label"].names[-1] == "calm"
    assert tfds.builder_cls("ravdess") is Builder
    assert builder.info.citation.startswith("@article{livingstone2018ravdess")


def test_a_video_cut_short_stops_the_build_with_its_name(tmp_path):
    for trial in FEW:
        ravdess.write(tmp_path / "release", trial)
    path = ravdess.path(tmp_path / "release", FEW[0])
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(UserError, match=rf"damaged images or videos 1.*\n  {FEW[0].name(2)}"):
        build(tmp_path / "release", tmp_path / "data")
    assert not list((tmp_path / "data").glob("ravdess/[!.]*/*"))
