"""Tests of what the report reads: evaluations, curves and arrays, whole and damaged."""

import os

import numpy as np
import pytest
from report_run import evaluation, metric_rows, write_arrays, write_run

from dfer_jax.clips.report import write_report
from dfer_jax.clips.report.inputs import read_arrays, read_evaluations
from dfer_jax.clips.report.page import report_sections
from dfer_jax.errors import UserError
from dfer_jax.runs.read_files import read_metrics


def test_curves_count_a_repeated_step_once_and_name_what_is_odd(tmp_path):
    rows = [*metric_rows(), {"step": 10, "epoch": 1.0, "test/war": 0.9}]
    rows += [{"step": 31, "epoch": 3.1, "train/loss": float("nan")}]
    workdir = write_run(tmp_path, rows=rows)
    with open(os.path.join(workdir, "metrics.jsonl"), "a", encoding="utf-8") as file:
        file.write('{"step": 32, "epo')
    series, notes = read_metrics(workdir)
    np.testing.assert_array_equal(series["test/war"][0], [1, 2, 3])
    np.testing.assert_array_equal(series["test/war"][1], [0.9, 0.6, 0.6])
    assert np.isnan(series["train/loss"][1][-1])
    assert [note.split()[0] for note in notes] == ["train/loss", "Unreadable"]
    page = "".join(part.html for part in report_sections(workdir))
    assert "first in epoch 3.1" in page and "left out: 36" in page


def test_test_split_and_last_epoch_come_first(tmp_path):
    files = {
        "a.best": evaluation(selection="best on validation"),
        "b": evaluation(),
        "validation": evaluation() | {"split": "validation"},
    }
    found = read_evaluations(write_run(tmp_path, evaluations=files))
    assert [e.file for e in found] == ["b.json", "a.best.json", "validation.json"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda e: e.pop("confusion"), "lacks 'confusion'"),
        (lambda e: e.update(confusion=[[1, 2]]), "must be 7 x 7 counts"),
        (lambda e: e.update(confusion=[[1], [2, 3]]), "is damaged"),
        (lambda e: e.update(step="many"), "is damaged"),
        (lambda e: e["predictions"][0].update(label="boredom"), "is damaged"),
        (lambda e: e["predictions"][0].update(probabilities=[1.0]), "is damaged"),
    ],
)
def test_damaged_evaluation_is_one_sentence(tmp_path, change, message):
    content = evaluation()
    change(content)
    with pytest.raises(UserError, match=message):
        write_report(write_run(tmp_path, evaluations={"test": content}))
    assert not (tmp_path / "report.html").exists()


def test_arrays_are_joined_by_clip_id(tmp_path):
    workdir, content = write_run(tmp_path), evaluation()
    (main,) = read_evaluations(workdir)
    assert read_arrays(workdir, main) is None
    numbers = np.arange(70.0)[:, None]
    write_arrays(tmp_path, content, features=numbers, gates_layer2=2 * numbers)
    found = read_arrays(workdir, main)
    np.testing.assert_array_equal(found.features, numbers)
    np.testing.assert_array_equal(found.gates["layer2"], 2 * numbers)
    content["predictions"][5]["clip_id"] = "another"
    write_arrays(tmp_path, content, features=numbers)
    with pytest.raises(UserError, match=r"of other clips than test\.json"):
        read_arrays(workdir, main)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", b"\x80\x04K\x01."])
def test_damaged_arrays_are_one_sentence(tmp_path, content):
    workdir = write_run(tmp_path)
    (tmp_path / "eval" / "test.features.npz").write_bytes(content)
    with pytest.raises(UserError, match="is damaged or of other clips"):
        write_report(workdir)


@pytest.mark.parametrize("features", [np.full((70, 2), np.nan), np.zeros(70)])
def test_arrays_that_cannot_be_drawn_are_refused(tmp_path, features):
    workdir = write_run(tmp_path)
    write_arrays(tmp_path, evaluation(), features=features)
    with pytest.raises(UserError, match="must hold finite"):
        write_report(workdir)


def test_arrays_that_would_execute_code_are_refused(tmp_path):
    workdir = write_run(tmp_path)
    pickled = np.array([{"any": "object"}] * 70)
    np.savez(tmp_path / "eval" / "test.features.npz", clip_id=pickled, features=pickled)
    with pytest.raises(UserError, match="is damaged"):
        write_report(workdir)
