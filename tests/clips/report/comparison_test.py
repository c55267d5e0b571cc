"""Tests of the page that compares several runs."""

import csv
import subprocess
import sys

import pytest
from report_run import Checker, evaluation, write_run

from dfer_jax.clips.report.comparison import write_comparison
from dfer_jax.clips.report.inputs import read_evaluations
from dfer_jax.errors import UserError
from dfer_jax.plotting.run_comparison import run_names
from dfer_jax.runs.seeds import group_by_seed


def compare(tmp_path, **runs):
    workdirs = [write_run(tmp_path / name, **content) for name, content in runs.items()]
    path = write_comparison(workdirs, str(tmp_path / "out" / "compare.html"))
    with open(path, encoding="utf-8") as file:
        return file.read()


def table(tmp_path, name):
    with open(tmp_path / "out" / "compare" / f"{name}.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_runs_side_by_side(tmp_path):
    (tmp_path / "out").mkdir()
    better = {"test": evaluation(wrong=1), "test.best": evaluation(selection="best on test")}
    page = compare(tmp_path, ce={}, ial={"evaluations": better, "config": {"loss": 0.1}})
    checker = Checker(page)
    assert checker.tags["script"] == 0 and len(set(checker.ids)) == len(checker.ids)
    for heading in ("2 runs on", "Scores", "Paired differences", "Learning curves", "Weak and"):
        assert heading in page
    assert "What differs between the runs" in page and "Not alike" not in page
    assert [(r["run"], r["protocol"]) for r in table(tmp_path, "scores")] == [
        ("ce", "Last epoch"),
        ("ial", "Last epoch"),
        ("ial", "Best epoch chosen on test"),
    ]
    (pair,) = table(tmp_path, "paired")
    assert pair["run"] == "ial" and pair["shared clips"] == "70"
    assert float(pair["WAR difference"]) == pytest.approx(20) and pair["only this right"] == "14"
    assert 0 < float(pair["WAR low"]) < 20 < float(pair["WAR high"])
    assert pair["p (McNemar)"] == "< 0.001"
    curves = table(tmp_path, "recall-by-intensity")
    assert {row["run"] for row in curves} == {"ce", "ial"}
    assert (tmp_path / "out" / "compare" / "intensity.png").stat().st_size > 5_000


def test_runs_on_different_data_are_not_ranked(tmp_path):
    (tmp_path / "out").mkdir()
    page = compare(tmp_path, a={}, b={"evaluations": {"test": evaluation(synthetic=False)}})
    assert "Not alike" in page and "Paired differences" not in page and "dfew/full" in page


def test_other_labels_or_classes_are_refused(tmp_path):
    (tmp_path / "out").mkdir()
    relabelled = evaluation()
    relabelled["predictions"][3]["label"] = "fear"
    with pytest.raises(UserError, match=r"clip 'happiness-3' is happiness .* and fear in b"):
        compare(tmp_path, a={}, b={"evaluations": {"test": relabelled}})
    renamed = evaluation() | {"classes": list("abcdefg"), "predictions": []}
    with pytest.raises(UserError, match="d has other classes than c"):
        compare(tmp_path, c={}, d={"evaluations": {"test": renamed}})


def test_runs_alike_in_all_but_the_seed_are_one_method(tmp_path):
    (tmp_path / "out").mkdir()
    runs = {
        f"{method}_seed{seed}": {
            "evaluations": {"test": evaluation(wrong=wrong)},
            "config": {"seed": seed, "name": method, "loss": {"ial_weight": weight}},
        }
        for method, weight, seed, wrong in (
            ("ce", 0, 0, 4), ("ce", 0, 1, 5), ("ial", 0.1, 0, 2), ("ial", 0.1, 1, 3),
            ("ial", 0.1, 2, 1), ("gca", 0.5, 0, 3),
        )
    }  # fmt: skip
    page = compare(tmp_path, **runs)
    assert "Over seeds" in page and "Weak and strong" not in page
    rows = table(tmp_path, "seeds")
    assert [(r["method"], r["seeds"]) for r in rows] == [
        ("ce", "2"),
        ("ial", "3"),
        ("gca_seed0", "1"),
    ]
    assert [float(r["WAR"]) for r in rows] == pytest.approx([55, 80, 70])
    assert [float(r["WAR sd"]) for r in rows[:2]] == pytest.approx([50**0.5, 10])
    assert rows[2]["WAR sd"] == "nan"
    assert (tmp_path / "out" / "compare" / "seeds-intensity.svg").exists()


def test_methods_are_named_without_their_seed(tmp_path):
    (found,) = read_evaluations(write_run(tmp_path))
    for names, method in (
        (["ial/r16", "ial/r16_seed1"], "ial/r16"),
        (["r16_seed0", "r16_seed1"], "r16"),
        (["gca/0", "gca/1"], "gca"),
        (["seed0", "seed1"], "seed0"),
        (["r16_seed0"], "r16_seed0"),
    ):
        configs = {name: {"seed": str(i), "lr": "0.1"} for i, name in enumerate(names)}
        assert group_by_seed(dict.fromkeys(names, found), configs) == {method: names}
    heads = {f"h_{i}": {"seed": str(i), "train.init_from": f'"runs/cnn_seed{i}"'} for i in (0, 1)}
    assert group_by_seed(dict.fromkeys(heads, found), heads) == {"h": ["h_0", "h_1"]}
    heads["h_1"]["train.init_from"] = '"runs/gru_seed1"'
    assert len(group_by_seed(dict.fromkeys(heads, found), heads)) == 2
    apart = {"a_0": {"lr": "1"}, "a_1": {"lr": "1"}, "a 2": {"lr": "2"}, "a 3": {"lr": "2"}}
    groups = group_by_seed(dict.fromkeys(apart, found), apart)
    assert groups == {"a": ["a_0", "a_1"], "a 2": ["a 2", "a 3"]}
    without = {"imported": {}, "another": {}}
    assert group_by_seed(dict.fromkeys(without, found), without) == {
        "imported": ["imported"],
        "another": ["another"],
    }


def test_runs_are_named_by_what_tells_them_apart():
    assert run_names(["runs/a", "runs/b/"]) == ["a", "b"]
    assert run_names(["runs/a/seed0", "runs/b/seed0"]) == ["a/seed0", "b/seed0"]
    assert run_names(["runs", "runs/b"]) == ["runs", "b"]
    with pytest.raises(UserError, match="is given twice"):
        run_names(["runs/a", "./runs/a"])


def test_command_line(tmp_path):
    runs = [write_run(tmp_path / name) for name in ("a", "b")]
    command = [sys.executable, "-m", "dfer_jax.commands.report", *runs]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "compare.html").stat().st_size > 10_000
