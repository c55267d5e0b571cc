"""Commands that are killed again and again end as undisturbed ones do, to the last bit.

In steps, while checkpoints are written, in evaluation and report, between the phases of a training,
and while data sets, frame caches, imports and cross-validations are made.
"""

import os
import random
import signal
import subprocess
import time

import pytest
from soak import jobs

KILLS = int(os.environ.get("SOAK_KILLS", "200"))
SEED = int(os.environ.get("SOAK_SEED", "0"))
SIGNALS = ((signal.SIGKILL,), (signal.SIGTERM,), (signal.SIGINT,), (signal.SIGTERM,) * 2)
SHARES = {"build": 0.1, "cache": 0.1, "import": 0.1, "train": 0.5, "crossval": 0.2}

pytestmark = pytest.mark.soak(reason="some 200 starts of commands, an hour")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return jobs.all_of(tmp_path_factory.mktemp("soak"))


@pytest.mark.parametrize("name", SHARES)
def test_a_command_killed_at_random_ends_as_an_undisturbed_one(made, tmp_path, name):
    job, chance = made[name], random.Random(SEED)
    began = time.monotonic()
    whole = job.start(tmp_path / "whole")
    text, _ = whole.communicate(timeout=900)
    assert whole.returncode == 0, text
    longest, expected = time.monotonic() - began, job.outcome(tmp_path / "whole")
    wanted, killed, runs = round(KILLS * SHARES[name]), 0, 0
    while killed < wanted:
        runs += 1
        folder, of_this = tmp_path / f"run{runs}", 0
        while kill_at_random(job, folder, longest, chance):
            of_this += 1
            print(f"{name} {runs}: {killed + of_this} kills of {wanted}", flush=True)
        killed += of_this
        assert job.outcome(folder) == expected, f"{name}, run {runs}, seed {SEED}"
        assert not jobs.leftovers(folder)
    print(f"{name}: {killed} kills in {runs} runs: all as undisturbed")


def kill_at_random(job, folder, longest, chance):
    """Starts a job and kills it, unless it is done before; returns whether it was killed."""
    process = job.start(folder)
    try:
        text, _ = process.communicate(timeout=chance.uniform(0, longest))
        was_done = "exists and is not empty" in text  # an import that was killed as it ended
        assert process.returncode == 0 or was_done, text
        return False
    except subprocess.TimeoutExpired:
        chosen = chance.choice(SIGNALS)
    for number in chosen:
        process.send_signal(number)
        time.sleep(chance.uniform(0, 0.2))
    text, _ = process.communicate(timeout=300)
    allowed = {0, 1, *(128 + s for s in chosen), *(-s for s in chosen)}
    assert process.returncode in allowed and "Traceback" not in text, text
    return process.returncode != 0
