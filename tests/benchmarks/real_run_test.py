import json
import os
import subprocess
import sys

import pytest
import xla_flags

from benchmarks.input import many_clips
from benchmarks.scaling import scaling_points
from benchmarks.speed import real_run
from dfer_jax.data.source import open_split
from dfer_jax.errors import UserError

TINY = scaling_points.Place(frames=2, image_size=32, batch=4, devices=1)


def test_a_data_set_of_many_clips_is_what_the_product_reads(tmp_path, capsys):
    name = many_clips.build(tmp_path, clips=35, frames=3, side=36)
    assert capsys.readouterr().out == ""
    train = open_split(dataset=name, split="train", data_dir=str(tmp_path))
    test = open_split(dataset=name, split="test", data_dir=str(tmp_path))
    assert (len(train), len(test)) == (35, many_clips.TEST_CLIPS)
    assert sorted(train[i]["label"] for i in range(35)) == sorted([*range(7)] * 5)
    assert train[0]["num_frames"] == 3


@pytest.mark.soak(reason="a training of its own, from start to stop")
def test_a_real_run_is_watched_until_it_is_asked_to_stop(tmp_path):
    name = many_clips.build(tmp_path, clips=35, frames=2, side=36)
    fields = scaling_points.fields(TINY, width=8) | {"train.log_every_steps": 1}
    fields |= {"data.data_dir": tmp_path, "data.dataset": name}
    fields |= {"model.attention": "none", "model.aux_stages": (), "loss.aux_weights": ()}  # quick
    run = real_run.train(fields, workdir=tmp_path / "run", rows=2)
    assert [row["step"] for row in run.rows[:2]] == [1, 2]
    assert 0 < run.first_row_s <= run.seconds[1]
    assert run.mean("train/loss") > 0
    assert run.peak_rss > 1e8
    if sys.platform == "linux":
        assert 0 < run.peak_anonymous < run.peak_rss


def test_a_run_that_fails_says_why(tmp_path):
    with pytest.raises(UserError, match="is not built"):
        real_run.train({"data.data_dir": tmp_path}, workdir=tmp_path / "run", rows=1)


@pytest.mark.soak(reason="a benchmark from end to end, half a minute")
def test_the_whole_job_is_compared_with_the_bare_step(tmp_path):
    tiny = {"width": 8, "image_size": 32, "frames": 2, "batch_size": 4, "clips": 40}
    tiny |= {"epochs": 3, "rounds": 1, "out": tmp_path / "out.json"}
    command = [sys.executable, "-m", "benchmarks.speed.whole_job"]
    command += [f"--{name}={value}" for name, value in tiny.items()]
    environment = {
        **os.environ,
        "XLA_FLAGS": xla_flags.of_devices(1),
        "PYTHONPATH": str(real_run.ROOT),
    }
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    median = json.loads((tmp_path / "out.json").read_text())["median"]
    assert median["ratio"] == pytest.approx(median["loop"] / median["bare"])
    assert 0 <= median["wait"] <= 1
    assert 0 < median["epochs_per_s"] < median["loop"] / 40  # evaluation and saving take time too
    assert f"{median['loop']:.1f}" in done.stdout
