"""The command as a user meets it, on a data set in folds: stopped, killed, continued."""

import json
import os
import signal
import subprocess
import sys
import time

import fold_dataset
import numpy as np
import pytest
import xla_flags
from sklearn import metrics as sk

from dfer_jax.labels import CLASSES

TABLES = ("crossval.json", "crossval.csv", "crossval.tex")


@pytest.fixture(scope="module")
def fields(tmp_path_factory):
    return fold_dataset.build(tmp_path_factory.mktemp("data"))


def _command(fields, workdir, *more):
    typed = [f"--config.{name}={value}" for name, value in fields.items()]
    command = ["dfer_jax.clips.crossval", "--config=configs/synthetic.py", *typed]
    return [*command, f"--workdir={workdir}", *more]


def _start(fields, workdir, *more, log=subprocess.PIPE):
    own = {
        "XLA_FLAGS": xla_flags.of_devices(1),
    }
    return subprocess.Popen(
        [sys.executable, "-m", *_command(fields, workdir, *more)],
        stdout=log,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **own},
    )


def _wait_for(path, process):
    """Waits until a file has a line."""
    until = time.monotonic() + 240
    while not (path.exists() and path.read_text().count("\n")):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.soak(reason="eight trainings in processes of their own, a minute")
def test_stopped_and_killed_it_ends_with_the_table_of_an_undisturbed_run(fields, tmp_path):
    fields = fields | {"data.num_folds": 3}
    with open(tmp_path / "log.txt", "w") as log:
        whole = _start(fields, tmp_path / "whole", log=log)
        _wait_for(tmp_path / "whole" / "fold1_seed0" / "metrics.jsonl", whole)  # programs are there
        disturbed = tmp_path / "disturbed"
        first = _start(fields, disturbed)
        _wait_for(disturbed / "fold1_seed0" / "metrics.jsonl", first)
        first.send_signal(signal.SIGTERM)
        out, _ = first.communicate()
        assert first.returncode == 143 and "run the same command again" in out, out
        assert "Traceback" not in out

        second = _start(fields, disturbed)
        _wait_for(disturbed / "fold2_seed0" / "metrics.jsonl", second)
        os.kill(int((disturbed / "run.lock").read_text()), signal.SIGKILL)  # as a power cut
        second.kill()
        second.communicate()
        assert not (disturbed / TABLES[0]).exists()

        third = _start(fields, disturbed)
        out, _ = third.communicate()
        assert third.returncode == 0, out
        assert "fold 1 seed 0: done" in out and "fold 3 seed 0: new" in out
        assert whole.wait() == 0, (tmp_path / "log.txt").read_text()
    for name in TABLES:
        assert (disturbed / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    _assert_pooled_as_scikit_learn(disturbed)


def _assert_pooled_as_scikit_learn(directory):
    """Checks the pooled row of the last epoch against the folds' files put end to end."""
    truth, answers = [], []
    for fold in range(1, 4):
        with open(directory / f"fold{fold}_seed0" / "eval" / f"fd{fold}.json") as file:
            for row in json.load(file)["predictions"]:
                truth.append(row["label"])
                answers.append(row["prediction"])
    assert len(truth) == 3 * fold_dataset.CLIPS_PER_FOLD
    with open(directory / TABLES[0]) as file:
        rows = json.load(file)["rows"]
    [pooled] = [r for r in rows if (r["selection"], r["what"]) == ("last", "pooled")]
    recall = sk.recall_score(truth, answers, labels=CLASSES, average=None)
    expected = [*recall, recall.mean(), sk.accuracy_score(truth, answers)]
    names = [*CLASSES, "uar", "war"]
    np.testing.assert_allclose([pooled["values"][name] for name in names], expected)


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        (["--folds=6"], 1, "has folds 1 to 5"),
        (["--folds=1,1"], 1, "must name each once"),
        (["--folds=one"], 2, "must be whole numbers"),
        (["--config.fold=2"], 2, "is set by --folds"),
        (["now"], 2, "unexpected arguments"),
    ],
)
def test_mistakes_are_one_sentence_and_write_nothing(
    fields, tmp_path, commands, more, code, message
):
    done = commands.run(*_command(fields, tmp_path / "runs", *more))
    assert done.returncode == code and message in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()


def test_what_no_run_can_start_with_stops_at_the_first(fields, tmp_path, commands):
    fields = fields | {"data.data_dir": str(tmp_path)}
    done = commands.run(*_command(fields, tmp_path / "runs"))
    out = done.stdout + done.stderr
    assert done.returncode == 1 and out.count("is not built in") == 1
    assert "fold 1 seed 0 was refused" in out and "Traceback" not in out
