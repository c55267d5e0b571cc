"""Faults at chosen steps and files: one sentence, and the same command ends undisturbed."""

import errno
import functools
import os

import pytest
from soak import jobs

FAULTS = ("ENOSPC", "EIO", "raise", "kill", "slow")
PLACES = {
    "train": (
        r"write .*/overrides\.json\.new",
        r"rename .*/config\.json\.new TO",
        r"write .*/pretrain/metrics\.jsonl",
        r"rename .*/pretrain/checkpoints/.* TO .*/\d+$",
        r"step 3$",
        r"mkdir .*/run[^/]*/checkpoints/\d",
        r"rename .*orbax-checkpoint-tmp.* TO .*/\d+$",
        r"write .*/checksums\.sha256\.new",
        r"remove .*/checkpoints/\d+",
        r"write .*/metrics\.jsonl",
        r"write .*/events\.out",
        r"write .*/eval/test\.json",
        r"rename .*/eval/.*\.npz.* TO",
        r"(write|rename) .*report\.html",
    ),
    "build": (r"mkdir .*incomplete", r"write .*/dataset_info\.json", r"rename .*incomplete.* TO"),
    "cache": (r"mkdir .*building", r"write .*/index\.json", r"rename .*building TO"),
    "import": (r"mkdir .*/checkpoints", r"rename .* TO .*/0$", r"write .*/checksums"),
    "crossval": (r"write .*/crossval\.json", r"write .*/crossval\.csv", r"write .*/crossval\.tex"),
    "ensemble": (r"write .*/eval/", r"(write|rename) .*report\.html"),
    "export": (
        r"mkdir .*run",
        r"write .*model\.safetensors",
        r"write .*/checksums",
        r"rename .*TO .*/run$",
    ),
    "predict": (r"write .*talk\.csv", r"write .*talk\.json", r"write .*talk\.html"),
}

pytestmark = pytest.mark.soak(reason="some 200 starts of commands")


@pytest.fixture(scope="module")
def expected(made, tmp_path_factory):
    """Returns what a job by its name leaves undisturbed."""

    @functools.cache
    def outcome(name):
        folder = tmp_path_factory.mktemp("whole") / "run"
        process = made[name].start(folder)
        text = process.text()
        assert process.returncode == 0, text
        return made[name].outcome(folder)

    return outcome


@pytest.mark.parametrize(("name", "where"), [(n, w) for n in PLACES for w in PLACES[n]])
def test_each_fault_is_one_sentence_and_the_same_command_goes_on(
    made, expected, tmp_path, name, where
):
    """The faults come one after the other to the same command, until it ends undisturbed."""
    job, left, runs = made[name], list(FAULTS), 0
    while left or runs == 0:
        runs += 1
        folder, met = tmp_path / f"{runs}" / "run", []
        folder.parent.mkdir()
        while left and _meets(job, folder, left[0], where):
            met.append(left.pop(0))
            if met[-1] == "slow":  # and came to its end
                break
        else:
            assert met, f"{left[0]} does not come to {where}"
        process = job.start(folder)
        text = process.text()
        assert process.returncode == 0 or _was_done(text), text
        assert job.outcome(folder) == expected(name), met
        assert not jobs.leftovers(folder), met


def _meets(job, folder, fault, where):
    """Runs a job with a fault; returns whether it came to it, not to an end that was there."""
    process = job.start(folder, injected=(fault, where, "1"))
    text = process.text()
    if f"injected {fault} at" not in text:
        assert process.returncode == 0 or _was_done(text), text
        return False
    assert fault == "raise" or "Traceback" not in text, text  # a bug keeps its traceback
    if fault == "kill":
        assert process.returncode in (-9, 1), text
    elif fault == "slow" or process.returncode == 0:  # or of what can be done without
        assert process.returncode == 0, text
    elif fault == "raise":
        assert process.returncode == 1 and "injected at" in text.splitlines()[-1], text
    else:
        sentence = [line for line in text.splitlines() if "error: " in line]
        reason = os.strerror(getattr(errno, fault))
        assert process.returncode == 1 and len(sentence) == 1, text
        assert reason in sentence[0] or "do not suffice" in sentence[0], text  # of a build
    return True


def _was_done(text):
    """Whether a command that wants a new folder found what it was to write there."""
    return "exists and is not empty" in text
