"""Runs that are killed again and again end as the undisturbed run does, to the last bit."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import clip_dataset
import jax
import numpy as np
import pytest
import tiny
import xla_flags

from dfer_jax.runs import checkpoint

KILLS = int(os.environ.get("SOAK_KILLS", "200"))
SEED = int(os.environ.get("SOAK_SEED", "0"))
SIGNALS = ((signal.SIGKILL,), (signal.SIGTERM,), (signal.SIGINT,), (signal.SIGTERM,) * 2)
MEASURED_TIME = ("clips_per_s", "data_wait")  # differ from run to run

pytestmark = pytest.mark.soak(reason="some 200 starts of the training command, half an hour")


@pytest.fixture(scope="module")
def command(tmp_path_factory):
    """The training command of a small run, but for its work directory."""
    base = tmp_path_factory.mktemp("soak")
    clip_dataset.build(str(base / "data"), "truth")
    config = tiny.config(base / "data")
    config.train.epochs = 4
    config.pretrain.epochs = 1
    config.pretrain.clips_per_class = 1
    fields = [
        f"--config.{section}.{name}={value}"
        for section in ("data", "model", "optim", "train", "eval", "pretrain")
        for name, value in config[section].items()
        if isinstance(value, str | int | float) and value != ""
    ]
    return [sys.executable, "-m", "dfer_jax.main", "--config=configs/base.py", *fields]


def start(command, workdir):
    return subprocess.Popen(
        [*command, f"--workdir={workdir}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "XLA_FLAGS": xla_flags.of_devices(1)},
    )


def outcome(workdir):
    """Everything a run leaves that does not depend on the clock."""
    step = checkpoint.list_checkpoints(str(workdir), best_metric="war")["last"]
    weights, _ = checkpoint.load_weights(str(workdir), step)
    rows = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    rows = [{k: v for k, v in row.items() if not k.endswith(MEASURED_TIME)} for row in rows]
    files = {path.name: path.read_bytes() for path in sorted((workdir / "eval").glob("*.json"))}
    return step, jax.tree.map(np.asarray, weights), rows, files


def leftovers(workdir):
    marks = (".new", ".tmp", "tmp.", ".orbax-checkpoint-tmp")
    return [path for path in Path(workdir).rglob("*") if any(m in path.name for m in marks)]


def test_a_run_killed_at_random_ends_as_an_undisturbed_one(command, tmp_path):
    began = time.monotonic()
    undisturbed = start(command, tmp_path / "whole")
    text, _ = undisturbed.communicate(timeout=900)
    assert undisturbed.returncode == 0, text
    longest = time.monotonic() - began
    expected, chance, killed, runs = outcome(tmp_path / "whole"), random.Random(SEED), 0, 0
    while killed < KILLS:
        runs += 1
        workdir = tmp_path / f"run{runs}"
        while True:
            process = start(command, workdir)
            try:
                text, _ = process.communicate(timeout=chance.uniform(0, longest))
                assert process.returncode == 0, text
                break
            except subprocess.TimeoutExpired:
                chosen = chance.choice(SIGNALS)
                for number in chosen:
                    process.send_signal(number)
                    time.sleep(chance.uniform(0, 0.2))
                text, _ = process.communicate(timeout=300)
                allowed = {0, 1, *(128 + s for s in chosen), *(-s for s in chosen)}
                assert process.returncode in allowed and "Traceback" not in text, text
                killed += 1
        found = outcome(workdir)
        print(f"run {runs}: {killed} kills of {KILLS}", flush=True)
        assert found[0] == expected[0] and found[2:] == expected[2:], f"run {runs}, seed {SEED}"
        jax.tree.map(np.testing.assert_array_equal, found[1], expected[1])
        assert not leftovers(workdir)
    print(f"{killed} kills in {runs} runs: all as undisturbed")
