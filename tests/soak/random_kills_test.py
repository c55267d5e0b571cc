"""Commands that are killed again and again end as undisturbed ones do, to the last bit.

In steps, while checkpoints are written, in evaluation and report, between the phases of a training,
and while data sets, frame caches, imports and cross-validations are made. A kill comes a moment
after a chosen number of changes to the files that the command writes, however slow the machine is.
"""

import os
import random
import signal
import time

import pytest
from soak import jobs

from dfer_jax import signals

KILLS = int(os.environ.get("SOAK_KILLS", "200"))
SEED = int(os.environ.get("SOAK_SEED", "0"))
SIGNALS = ((signal.SIGKILL,), (signal.SIGTERM,), (signal.SIGINT,), (signal.SIGTERM,) * 2)
SIGNALS += ((signal.SIGKILL,) * 2,)
SHARES = {"build": 0.15, "cache": 0.1, "import": 0.15, "train": 0.5, "crossval": 0.1}
REACH = {"train": 0.3, "crossval": 0.25}  # of a run's changes, where the next start goes on

pytestmark = pytest.mark.soak(reason="some 200 starts of commands, half an hour")


@pytest.mark.parametrize("name", SHARES)
def test_a_command_killed_at_random_ends_as_an_undisturbed_one(made, tmp_path, name):
    job, chance = made[name], random.Random(SEED)
    whole = job.start(tmp_path / "whole")
    changes = Changes(tmp_path / "whole")
    while not whole.has_ended(0.005):
        changes.look()
    assert whole.returncode == 0, whole.text()
    expected = job.outcome(tmp_path / "whole")
    most = max(3, round(REACH.get(name, 0.7) * len(changes.seen)))
    wanted, killed, runs = round(KILLS * SHARES[name]), 0, 0
    while killed < wanted:
        runs += 1
        folder, of_this = tmp_path / f"run{runs}", 0
        while kill_at_random(job, folder, most, chance):
            of_this += 1
            print(f"{name} {runs}: {killed + of_this} kills of {wanted}", flush=True)
        killed += of_this
        assert job.outcome(folder) == expected, f"{name}, run {runs}, seed {SEED}"
        assert not jobs.leftovers(folder)
    print(f"{name}: {killed} kills in {runs} runs: all as undisturbed")


class Changes:
    """Changes to the files at a path, and beside it where its name goes on, from now on."""

    def __init__(self, path):
        self._path, self._before, self.seen = path, set(), set()
        self.look()
        self._before, self.seen = self.seen, set()

    def look(self):
        """Returns how many there were."""
        found = {
            entry for top in self._path.parent.glob(f"{self._path.name}*") for entry in _of(top)
        }
        self.seen |= found - self._before
        return len(self.seen)


def _of(top):
    """Returns what lies there, as names with sizes."""
    found = {(str(top), 0)}
    for folder, _, files in os.walk(top):
        for path in (os.path.join(folder, name) for name in files):
            try:
                found.add((path, os.stat(path).st_size))
            except OSError:  # moved meanwhile
                continue
    return found


def kill_at_random(job, folder, most, chance):
    """Starts a job and kills it, unless it is done before; returns whether it was killed."""
    changes, chosen = Changes(folder), chance.choice(SIGNALS)
    after, process = chance.randrange(most), job.start(folder)
    while changes.look() < after and not process.has_ended(0.005):
        pass
    if process.has_ended(chance.random() ** 4 * (0.2 if after else 1.0)):  # most often at once
        was_done = "exists and is not empty" in process.text()  # an import killed as it ended
        assert process.returncode == 0 or was_done, process.text()
        return False
    for number in chosen:
        process.send_signal(number)
        time.sleep(chance.uniform(0, 2 * signals.ONE_REQUEST))
    text = process.text(300)
    allowed = {0, 1, *(128 + s for s in chosen), *(-s for s in chosen)}
    assert process.returncode in allowed, text
    # A process that was just being started by one that is killed can only say so itself.
    of_started = text.count("in spawn_main") if signal.SIGKILL in chosen else 0
    assert text.count("Traceback") == of_started, text
    return process.returncode != 0
