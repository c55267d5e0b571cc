"""Faults at chosen steps and files: one sentence, and the same command ends undisturbed."""

import errno
import functools
import os

import pytest
from soak import jobs

FAULTS = ("kill", "ENOSPC", "EIO", "raise", "slow")
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
    "crossval": (r"write .*/crossval\.json", r"write .*/crossval\.csv", r"(write|rename) .*\.html"),
    "ensemble": (r"write .*/eval/", r"(write|rename) .*report\.html"),
    "export": (
        r"mkdir .*run",
        r"write .*model\.safetensors",
        r"write .*/checksums",
        r"rename .*TO .*/run$",
    ),
    "predict": (r"write .*talk\.csv", r"write .*talk\.json", r"write .*talk\.html"),
}

pytestmark = pytest.mark.soak(reason="two starts of a command for each of some 90 faults")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return jobs.all_of(tmp_path_factory.mktemp("faults"))


@pytest.fixture(scope="module")
def expected(made, tmp_path_factory):
    """Returns what a job by its name leaves undisturbed."""

    @functools.cache
    def outcome(name):
        folder = tmp_path_factory.mktemp("whole") / "run"
        process = made[name].start(folder)
        text, _ = process.communicate(timeout=900)
        assert process.returncode == 0, text
        return made[name].outcome(folder)

    return outcome


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("name", "where"), [(n, w) for n in PLACES for w in PLACES[n]])
def test_one_sentence_and_the_same_command_goes_on(made, expected, tmp_path, name, where, fault):
    job, folder = made[name], tmp_path / "run"
    process = job.start(folder, injected=(fault, where, "1"))
    text, _ = process.communicate(timeout=600)
    assert f"injected {fault} at" in text, text
    assert fault == "raise" or "Traceback" not in text, text  # a bug keeps its traceback
    if fault == "kill":
        assert process.returncode in (-9, 1), text
    elif fault == "raise":
        assert process.returncode == 1 and "injected at" in text.splitlines()[-1], text
    elif fault == "slow":
        assert process.returncode == 0, text
    else:
        sentence = [line for line in text.splitlines() if "error: " in line]
        reason = os.strerror(getattr(errno, fault))
        assert process.returncode == 1 and len(sentence) == 1, text
        assert reason in sentence[0] or "do not suffice" in sentence[0], text  # of a build
    process = job.start(folder)
    text, _ = process.communicate(timeout=600)
    assert process.returncode == 0, text
    assert job.outcome(folder) == expected(name)
    assert not jobs.leftovers(folder)
