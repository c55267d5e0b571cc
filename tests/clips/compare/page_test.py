"""From runs, some of them missing, to the page; a killed comparison goes on where it was."""

import json
import os
import shutil
import signal
import sys

import numpy as np
import prediction_files
import pytest

from dfer_jax.clips import experiment
from dfer_jax.clips.compare import comparison, costs, page, rows
from dfer_jax.clips.crossval import process, runs
from dfer_jax.errors import UserError

LIST = """
def get_comparison():
    return {
        'title': 'Two <networks>', 'table': '', 'note': 'It ranks nothing.', 'folds': (),
        'shared': {'model.image_size': 32, 'data.segments': 2}, 'seeds': (0, 1),
        'entries': {
            'Frames': ('configs/compare_synthetic.py:resnet18', {}),
            'GRU, small': ('configs/compare_synthetic.py:resnet18_gru', {}),
        },
    }
"""


@pytest.fixture(scope="module")
def wanted(tmp_path_factory):
    file = tmp_path_factory.mktemp("list") / "two.py"
    file.write_text(LIST)
    return comparison.read(str(file))


@pytest.fixture(scope="module")
def measured(wanted, tmp_path_factory):
    """The costs of both networks, which take a while to compile."""
    paths = {e.folder: str(tmp_path_factory.mktemp("costs") / "a.json") for e in wanted.entries}
    for entry in wanted.entries:
        costs.measured(entry.config, num_classes=7, path=paths[entry.folder])
    return paths


@pytest.fixture
def directory(measured, tmp_path):
    for folder, path in measured.items():
        (tmp_path / "out" / folder).mkdir(parents=True)
        shutil.copy(path, tmp_path / "out" / folder / "costs.json")
    return str(tmp_path / "out")


def finish(run, *, skill):
    """Leaves behind what a finished run does."""
    case = prediction_files.random_case(run.seed, skill=skill)
    about = {
        "dataset": "synthetic_dfer/tiny",
        "epoch": float(run.config.train.epochs),
        "preprocess": experiment.preprocess(run.config),
    }
    for name in ("test", "test.best"):
        prediction_files.write(run.workdir, *case, file_name=name, **about)


def test_a_killed_comparison_goes_on_and_its_page_says_what_is_missing(wanted, directory):
    planned, _ = comparison.in_order(wanted, directory)
    assert [run.name for run in planned][:2] == ["Frames, seed 0", "GRU, small, seed 0"]
    with pytest.raises(UserError, match="no run is done yet"):
        rows.gather(wanted, directory)
    for run in planned[:3]:
        finish(run, skill=2.0)
    dies = f"import os; os.kill(os.getpid(), {int(signal.SIGKILL)})"
    commands = [[sys.executable, "-S", "-c", dies]] * 4  # of the done ones none is run
    with process.only_one(directory) as lock:
        failed = runs.train_missing(planned, commands, lock=lock)
    assert list(failed) == ["GRU, small, seed 1"] and "SIGKILL" in failed["GRU, small, seed 1"]
    text = written(wanted, directory)
    assert "Runs done: GRU, small 1 of 2." in text
    finish(planned[3], skill=0.0)
    text = written(wanted, directory)
    assert "Incomplete" not in text and "Two &lt;networks&gt;" in text
    assert "even guessing has a UAR of 14.3 %. It ranks nothing." in text


def written(wanted, directory):
    classes, results = rows.gather(wanted, directory)
    path = page.write(wanted, classes, results, os.path.join(directory, "comparison.html"))
    with open(path, encoding="utf-8") as file:
        return file.read()


def test_scores_are_of_the_seeds_and_costs_of_the_network(wanted, directory):
    for name, runs_of in wanted.plan(directory).items():
        for run in runs_of:
            finish(run, skill=3.0 if name == "Frames" else 0.5)
    classes, (frames, gru) = rows.gather(wanted, directory)
    assert len(classes) == 7 and frames.clips == 60
    last = frames.scores["last"]
    expected = []
    for run in wanted.plan(directory)["Frames"]:
        _, labels, shares = prediction_files.random_case(run.seed, skill=3.0)
        expected.append(np.mean(shares.argmax(1) == labels))
    np.testing.assert_allclose(last.values[:, -1], expected)
    np.testing.assert_allclose(last.mean[-1], np.mean(expected))
    np.testing.assert_allclose(last.spread[-1], np.std(expected, ddof=1))
    assert gru.scores["last"].mean[-1] < last.mean[-1]
    assert 0 < frames.costs.parameters < gru.costs.parameters
    assert 0 < frames.costs.macs < gru.costs.macs and frames.costs.seconds > 0
    path = os.path.join(directory, "frames", "costs.json")
    with open(path) as file:
        kept = json.load(file)
    with open(path, "w") as file:
        json.dump(kept | {"seconds": 9.0}, file)
    again = costs.measured(frames.entry.config, num_classes=7, path=path)
    assert again.seconds == 9.0, "measured anew although it is known"
