"""Real trainings with evaluations, a reading process of which is killed or stopped at random."""

import os
import random
import re
import signal
import subprocess
import sys
import time

import clip_dataset
import pytest
import tiny

SEED = int(os.environ.get("SOAK_SEED", "0"))
TIMES = int(os.environ.get("SOAK_TIMES", "20"))
SAID = re.compile(r"error: a process that reads clips (was killed|has stood still) .* run the same")

pytestmark = pytest.mark.soak(reason="some twenty starts of the training command")


@pytest.fixture(scope="module")
def command(tmp_path_factory):
    base = tmp_path_factory.mktemp("soak")
    clip_dataset.build(str(base / "data"), "truth")
    config = tiny.gca(base / "data")
    config.data.num_workers = 2
    config.train.epochs = 40
    fields = [
        f"--config.{section}.{name}={value}"
        for section in ("data", "model", "optim", "train", "eval")
        for name, value in config[section].items()
        if isinstance(value, str | int | float) and value != ""
    ]
    return [sys.executable, "-m", "dfer_jax.main", "--config=configs/base.py", *fields]


def readers(run):
    """Returns the ids of the processes that a run has started to read."""
    children = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(run.pid)],
        capture_output=True,
        text=True,
        check=False,
    )
    return [int(line.split()[0]) for line in children.stdout.splitlines() if "spawn_main" in line]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_run_that_loses_a_reader_ends_within_a_minute(command, tmp_path, number):
    chance, lost, runs = random.Random(SEED), 0, 0
    while lost < TIMES:
        runs += 1
        with open(tmp_path / "said.txt", "w+") as said:
            run = subprocess.Popen(
                [*command, f"--workdir={tmp_path / str(runs)}"], stdout=said, stderr=said
            )
            while run.poll() is None and not readers(run):
                time.sleep(0.05)
            time.sleep(chance.uniform(0, 30))  # it starts, compiles, trains, evaluates
            hit = False
            while run.poll() is None and not hit:
                for process in readers(run)[-1:]:
                    os.kill(process, number)
                    hit = True
            began = time.monotonic()
            code = run.wait(timeout=120)
            said.seek(0)
            text = said.read()
        print(f"{runs}: {code} after {time.monotonic() - began:.1f} s: {text.splitlines()[-1]}")
        assert "Traceback" not in text, text
        assert code == 0 or (code == 1 and SAID.search(text)), text
        lost += code == 1
        assert runs < 3 * TIMES
