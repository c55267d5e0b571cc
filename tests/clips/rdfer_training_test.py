"""RDFER through the loop: all loss terms, agreement of its own clips, key frames in predictions."""

import json

import clip_dataset
import jax
import numpy as np
import pytest
import tiny

from configs.rdfer import rdfer_synthetic
from dfer_jax.clips import evaluate_run
from dfer_jax.clips.task import ClipTask
from dfer_jax.runs.metric_writer import read_metrics
from dfer_jax.training.loop import Trainer


@pytest.fixture
def config(built_clips, one_device):
    found = rdfer_synthetic.get_config()
    small = tiny.config(built_clips)
    for section in ("data", "train", "eval"):
        found[section].update(small[section])
    found.data.sampling, found.data.segments = "grid", 16
    found.model.image_size, found.model.width, found.model.hidden = 16, 8, 8
    found.data.decode_size = 32
    found.robust.warmup_epochs, found.robust.m_noisy = 0.0, 0.1
    found.train.epochs = 2
    return found


def test_run_from_config_to_key_frames(config, tmp_path):
    run = str(tmp_path / "run")
    with jax.numpy_dtype_promotion("standard"):  # Optax's Adam takes powers of a step count
        Trainer(ClipTask, config, run).run(with_evaluation=False)
    rows = read_metrics(run)
    for name in ("ce", "aux_synopsis", "instances_synopsis", "instances_detail", "weight"):
        assert np.isfinite([row[f"train/{name}"] for row in rows]).all()
    for row in rows:
        assert sum(row[f"train/{v}"] for v in ("clean", "hard", "noisy")) == pytest.approx(1)
    evaluate_run.evaluate_checkpoints(config, run)
    with open(tmp_path / "run" / "eval" / "test.json", encoding="utf-8") as file:
        first = json.load(file)
    lengths = {f"{12 + i:05d}": length for i, length in enumerate(clip_dataset.TEST_LENGTHS)}
    assert len(first["predictions"]) == len(lengths)
    for row in first["predictions"]:
        assert len(row["key_frames"]) == 4
        assert all(0 <= frame < lengths[row["clip_id"]] for frame in row["key_frames"])
    evaluate_run.evaluate_checkpoints(config, run)
    with open(tmp_path / "run" / "eval" / "test.json", encoding="utf-8") as file:
        assert json.load(file) == first
