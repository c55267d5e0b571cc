"""Commands that are started twice on one work directory, a hundred times: exactly one proceeds.

The one that proceeds ends as an undisturbed one does, and the other is told by whom it was refused.
"""

import os
import random
import socket
import time

import pytest
from soak import jobs

STARTS = int(os.environ.get("SOAK_STARTS", "100"))
SEED = int(os.environ.get("SOAK_SEED", "0"))
SHARES = {"train": 0.8, "crossval": 0.2}
APART = 0.3  # seconds at most between the two

pytestmark = pytest.mark.soak(reason="a hundred pairs of commands, ten minutes")


@pytest.mark.parametrize("name", SHARES)
def test_of_two_commands_on_one_work_directory_one_proceeds(made, tmp_path, name):
    job, chance = made[name], random.Random(SEED)
    whole = job.start(tmp_path / "whole")
    whole.text()
    assert whole.returncode == 0, whole.text()
    expected, pairs = job.outcome(tmp_path / "whole"), round(STARTS * SHARES[name])
    for number in range(1, pairs + 1):
        folder, runs = tmp_path / f"run{number}", []
        for wait in (chance.choice((0.0, chance.uniform(0, APART))), 0.0):
            runs.append(job.start(folder))
            time.sleep(wait)
        said = [run.text() for run in runs]
        codes = [run.returncode for run in runs]
        assert sorted(codes) == [0, 1], said
        holder, second = runs[codes.index(0)], said[codes.index(1)]
        assert f"error: process {holder.pid} on {socket.gethostname()} (" in second, second
        assert "Traceback" not in second, second
        assert job.outcome(folder) == expected, f"{name}, pair {number}, seed {SEED}"
        assert not jobs.leftovers(folder)
        assert "work.lock" not in os.listdir(folder)
        print(f"{name}: of {number} pairs of {pairs} one proceeded", flush=True)
