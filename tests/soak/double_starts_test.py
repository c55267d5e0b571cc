"""Trainings that are started twice at once, a hundred times: exactly one proceeds."""

import os
import socket
import subprocess
import sys

import clip_dataset
import pytest
import tiny

TIMES = int(os.environ.get("SOAK_STARTS", "100"))

pytestmark = pytest.mark.soak(reason="a hundred pairs of the training command, an hour")


def test_of_two_trainings_started_at_once_one_proceeds(tmp_path):
    clip_dataset.build(str(tmp_path / "data"), "truth")
    config = tiny.gca(tmp_path / "data")
    config.train.epochs = 1
    fields = [
        f"--config.{section}.{name}={value}"
        for section in ("data", "model", "optim", "train", "eval")
        for name, value in config[section].items()
        if isinstance(value, str | int | float) and value != ""
    ]
    command = [sys.executable, "-m", "dfer_jax.main", "--config=configs/base.py", "--mode=train"]
    for number in range(TIMES):
        workdir = tmp_path / f"run{number}"
        runs = [
            subprocess.Popen(
                [*command, *fields, f"--workdir={workdir}"],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                env={**os.environ, "XLA_FLAGS": ""},
            )
            for _ in range(2)
        ]
        said = [run.communicate(timeout=600)[0] for run in runs]
        codes = [run.returncode for run in runs]
        assert sorted(codes) == [0, 1], said
        holder, second = runs[codes.index(0)], said[codes.index(1)]
        assert f"error: process {holder.pid} on {socket.gethostname()} (" in second, second
        assert "Traceback" not in second, second
        assert "work.lock" not in os.listdir(workdir)
        print(f"{number + 1} of {TIMES}: one proceeded", flush=True)
