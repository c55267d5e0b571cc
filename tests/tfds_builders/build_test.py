import dataclasses
import os
import re
import sys
import tempfile

import pytest
import small_disk

from dfer_jax.errors import UserError
from tfds_builders import build
from tfds_builders.synthetic_dfer import clips
from tfds_builders.synthetic_dfer.synthetic_dfer_dataset_builder import Builder


@pytest.fixture
def little(monkeypatch):
    """Makes synthetic_dfer/smoke a matter of a second."""
    smoke = dataclasses.replace(Builder.builder_configs["smoke"], train_clips=2, test_clips=1)
    monkeypatch.setitem(Builder.builder_configs, "smoke", smoke)
    monkeypatch.setattr(
        Builder,
        "BUILDER_CONFIGS",
        [smoke if c.name == "smoke" else c for c in Builder.BUILDER_CONFIGS],
    )


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_builds_once_and_again_only_when_told(little, tmp_path, monkeypatch):
    temporary = tmp_path.parent / f"{tmp_path.name}_temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    builder, built = build.build("synthetic_dfer/smoke", data_dir=str(tmp_path))
    assert built and builder.info.splits["train"].num_examples == 2
    first = contents(tmp_path)
    _, built = build.build("synthetic_dfer/smoke", data_dir=str(tmp_path))
    assert not built and contents(tmp_path) == first
    assert not list(tmp_path.rglob("downloads")) and not list(tmp_path.rglob("incomplete*"))
    _, built = build.build("synthetic_dfer/smoke", data_dir=str(tmp_path), overwrite=True)
    records = [name for name in first if "array_record" in name.name]
    assert built and records and all(contents(tmp_path)[name] == first[name] for name in records)
    assert not os.listdir(temporary), "left behind, as TFDS does by itself"


@pytest.mark.parametrize("error", [RuntimeError("render"), KeyboardInterrupt()])
def test_interrupted_build_leaves_nothing_that_looks_built(little, tmp_path, monkeypatch, error):
    def fail(plans, *, processes):
        yield clips.make_clip(plans[0])
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(clips, "make_clips", fail)
        with pytest.raises(type(error)):
            build.build("synthetic_dfer/smoke", data_dir=str(tmp_path))
    assert not list(tmp_path.rglob("*array_record*"))
    assert not list(tmp_path.rglob("dataset_info.json"))
    _, built = build.build("synthetic_dfer/smoke", data_dir=str(tmp_path))
    before = contents(tmp_path)
    monkeypatch.setattr(clips, "make_clips", fail)
    with pytest.raises(type(error)):
        build.build("synthetic_dfer/smoke", data_dir=str(tmp_path), overwrite=True)
    assert built and contents(tmp_path) == before


def test_a_full_disk_is_said_and_room_lets_the_same_command_build(little, tmp_path):
    with small_disk.mounted(tmp_path / "disk", "100k") as disk:
        said = (
            rf"the \d+ KiB free in {disk} do not suffice for synthetic_dfer/smoke, .* same command"
        )
        with pytest.raises(UserError, match=said):
            build.build("synthetic_dfer/smoke", data_dir=str(disk))
        assert not [path for path in disk.rglob("*") if re.search("record|incomplete", path.name)]
        small_disk.resize(disk, "4m")
        assert build.build("synthetic_dfer/smoke", data_dir=str(disk))[1]


def test_a_name_without_configuration_is_enough():
    assert build.find_builder("synthetic_dfer") == (Builder, None)


@pytest.mark.parametrize("name", ["nothing", "synthetic_dfer/tinny", "/tiny"])
def test_unknown_names_are_refused_with_the_known_ones(name, tmp_path):
    with pytest.raises(UserError, match=r"synthetic_dfer/tiny, .*synthetic_dfer/noisy"):
        build.build(name, data_dir=str(tmp_path))


def test_flags_of_another_data_set_are_refused(tmp_path):
    with pytest.raises(UserError, match="--allow_missing is for aff_wild2, cremad, dfew"):
        build.build("synthetic_dfer/smoke", data_dir=str(tmp_path), allow_missing=True)


def test_unwritable_data_dir_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        UserError, match=r"file.* cannot be written \(Not a directory\); give another --data_dir"
    ):
        build.build("synthetic_dfer/smoke", data_dir=str(tmp_path / "file" / "data"))


def test_beam_options_without_beam_say_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "apache_beam.options.pipeline_options", None)
    with pytest.raises(UserError, match=r"Apache Beam: pip install 'dfer_jax\[tfds\]'"):
        build.build(
            "dfew/full", data_dir=str(tmp_path), beam_pipeline_options="runner=DirectRunner"
        )
