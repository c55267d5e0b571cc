"""TFDS's command line and readers on every builder, on its dummy data; needs the `tfds` extra."""

import subprocess
import sys
from pathlib import Path

import pytest

import tfds_builders  # noqa: F401 (registers the builders)

ROOT = Path(__file__).parents[2]
BEAM = "runner=DirectRunner,direct_num_workers=2,direct_running_mode=multi_processing"
NAMES = (
    "cremad/asked", "dfew/full", "ferv39k/all_scenes", "mafw/compound", "ravdess/speech",
    "synthetic_dfer/smoke", "video_folder/default",
)  # fmt: skip


def manual_dir(name):
    return ROOT / "tfds_builders" / name.split("/")[0] / "dummy_data"


def call(*command):
    """Runs a tool from the repository's root; its output shows what went wrong."""
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert not run.returncode, f"{command}\n{run.stdout}\n{run.stderr}"
    return run.stdout


def tfds_build(name, data_dir, *flags):
    dataset, config = name.split("/")
    where = ROOT / "tfds_builders" / dataset
    tool = str(Path(sys.executable).with_name("tfds"))
    given = ["--manual_dir", str(manual_dir(name))] if manual_dir(name).exists() else []
    return call(
        tool, "build", str(where), "--config", config, "--data_dir", str(data_dir), *given, *flags
    )


@pytest.fixture(scope="module")
def as_records(tmp_path_factory):
    """Every data set built by `tfds build` in the format that tf.data reads."""
    data_dir = tmp_path_factory.mktemp("tfrecord")
    for name in NAMES:
        tfds_build(name, data_dir, "--file_format", "tfrecord")
    return data_dir


@pytest.mark.parametrize("name", NAMES)
def test_load_and_as_dataframe(as_records, name):
    import tensorflow_datasets as tfds

    splits, info = tfds.load(name, data_dir=as_records, with_info=True)
    for split, dataset in splits.items():
        examples = list(dataset.as_numpy_iterator())
        assert len(examples) == info.splits[split].num_examples > 0
        assert all(len(e["frames"]) == e["num_frames"] for e in examples)
        assert examples[0]["frames"].ndim == 4 and examples[0]["frames"].dtype == "uint8"
        table = tfds.as_dataframe(dataset.take(2), info)
        assert {"clip_id", "num_frames", "label"} <= set(table.columns)


@pytest.mark.parametrize("name", NAMES)
def test_build_by_default_gives_what_data_source_reads(tmp_path, name):
    import tensorflow_datasets as tfds

    tfds_build(name, tmp_path)
    builder = tfds.builder(name, data_dir=tmp_path)
    assert builder.info.file_format.value == "array_record"
    for split, info in builder.info.splits.items():
        source = tfds.data_source(name, split=split, data_dir=tmp_path)
        assert len(source) == info.num_examples > 0
        assert len(source[0]["frames"]) == source[0]["num_frames"]


def examples(name, data_dir):
    import tensorflow_datasets as tfds

    splits = tfds.data_source(name, data_dir=data_dir)
    return {
        split: [
            (e["clip_id"], int(e["label"]), [frame.tobytes() for frame in e["frames"]])
            for e in source
        ]
        for split, source in splits.items()
    }


@pytest.mark.parametrize("name", [name for name in NAMES if manual_dir(name).exists()])
def test_beam_gives_the_same_data_set(tmp_path, name):
    built = [sys.executable, "-m", "tfds_builders.build", name, "--manual_dir", manual_dir(name)]
    call(*built, "--data_dir", tmp_path / "here")
    call(*built, "--data_dir", tmp_path / "beam", "--beam_pipeline_options", BEAM)
    tfds_build(name, tmp_path / "cli", "--beam_pipeline_options", BEAM)
    expected = examples(name, tmp_path / "here")
    assert examples(name, tmp_path / "beam") == examples(name, tmp_path / "cli") == expected
    assert not list(tmp_path.rglob("findings-*"))


def test_damage_found_by_workers_is_told_and_nothing_is_left(tmp_path):
    import dfew_tree

    clips = [dfew_tree.Clip(clip, 3, 1 + clip % 7, 1 + clip % 5) for clip in range(1, 11)]
    dfew_tree.write_tree(tmp_path / "release", clips)
    for clip in (3, 7):
        frame = dfew_tree.clip_folder(tmp_path / "release", clip)
        (frame / dfew_tree.frame_name(clip, 2)).write_bytes(b"")
    command = [sys.executable, "-m", "tfds_builders.build", "dfew/full", "--data_dir"]
    command += [tmp_path / "data", "--manual_dir", tmp_path / "release"]
    command += ["--beam_pipeline_options", BEAM]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "damaged images 2" in run.stderr
    assert "00003_00002.jpg: the file is empty" in run.stderr
    assert "00007_00002.jpg: the file is empty" in run.stderr
    assert not list((tmp_path / "data").rglob("dataset_info.json"))
