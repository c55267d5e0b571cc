import dataclasses
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds

from dfer_jax.labels import CLASSES
from tfds_builders.synthetic_dfer import clips
from tfds_builders.synthetic_dfer.synthetic_dfer_dataset_builder import Builder


@pytest.fixture(scope="module")
def builder(tmp_path_factory):
    smoke = Builder.builder_configs["smoke"]
    config = dataclasses.replace(
        smoke, name="little", train_clips=7, test_clips=7, label_noise=3 / 7, frames=(8, 17)
    )
    built = Builder(config=config, data_dir=tmp_path_factory.mktemp("data"))
    built.download_and_prepare()
    return built


def test_reads_back_what_was_rendered(builder):
    for split in ("train", "test"):
        source = builder.as_data_source(split=split)
        plans = {
            plan.clip_id: plan
            for plan in clips.plan_clips(builder.builder_config.split_plan(split))
        }
        assert len(source) == len(plans) == 7
        for example in source:
            made = clips.make_clip(plans[example["clip_id"].decode()])
            assert example["num_frames"] == len(example["frames"]) == len(made["frames"])
            for name in ("label", "clean_label", "identity", "apex"):
                assert example[name] == made[name], name
            np.testing.assert_array_equal(example["intensity"], made["intensity"])
            np.testing.assert_allclose(example["peak_intensity"], max(made["intensity"]), rtol=1e-5)
            assert example["frames"][0].shape == (112, 112, 3)


def test_wrong_labels_are_in_the_training_split_alone(builder):
    wrong = {
        split: sum(e["label"] != e["clean_label"] for e in builder.as_data_source(split=split))
        for split in ("train", "test")
    }
    assert wrong == {"train": 3, "test": 0}


def test_class_order_and_format(builder):
    assert tuple(builder.info.features["label"].names) == CLASSES
    assert builder.info.file_format == tfds.core.FileFormat.ARRAY_RECORD
    assert "tensorflow" not in sys.modules


def test_configurations_are_found_by_name(tmp_path):
    found = tfds.builder("synthetic_dfer/noisy", data_dir=tmp_path)
    assert found.builder_config.label_noise == 0.2
    assert found.info.citation and "not valid on real faces" in found.info.description
