"""The command as a user meets it, on a five-fold data set: stopped, killed, continued."""

import json
import os
import signal
import subprocess
import sys
import time

import fold_dataset
import numpy as np
import prediction_files
import pytest
from absl import flags
from ml_collections import config_flags
from sklearn import metrics as sk

from configs import ferv39k, synthetic
from dfer_jax import experiment
from dfer_jax.crossval import estimate, process, runs, summary
from dfer_jax.errors import UserError
from dfer_jax.labels import CLASSES

TABLES = ("crossval.json", "crossval.csv", "crossval.tex")


@pytest.fixture(scope="module")
def fields(tmp_path_factory):
    return fold_dataset.build(tmp_path_factory.mktemp("data"))


@pytest.fixture
def config(fields):
    found = synthetic.get_config()
    found.update_from_flattened_dict(fields)
    return found


def _start(fields, workdir, *more, log=subprocess.PIPE):
    typed = [f"--config.{name}={value}" for name, value in fields.items()]
    command = [sys.executable, "-m", "dfer_jax.crossval", "--config=configs/synthetic.py"]
    own = {
        "JAX_COMPILATION_CACHE_DIR": os.path.join(os.getcwd(), ".pytest_cache", "xla"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.2",
        "XLA_FLAGS": "",  # one device
    }
    return subprocess.Popen(
        [*command, *typed, f"--workdir={workdir}", *more],
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


FOLDS = (1, 3, 5)  # of five: each costs seconds in every series


def test_stopped_and_killed_it_ends_with_the_table_of_an_undisturbed_run(fields, tmp_path):
    with open(tmp_path / "log.txt", "w") as log:
        folds = f"--folds={','.join(map(str, FOLDS))}"
        whole = _start(fields, tmp_path / "whole", folds, log=log)
        disturbed = tmp_path / "disturbed"
        first = _start(fields, disturbed, folds)
        _wait_for(disturbed / "fold1_seed0" / "metrics.jsonl", first)
        first.send_signal(signal.SIGTERM)
        out, _ = first.communicate()
        assert first.returncode == 1 and "run the same command again" in out, out
        assert "Traceback" not in out

        second = _start(fields, disturbed, folds)
        _wait_for(disturbed / "fold3_seed0" / "metrics.jsonl", second)
        os.kill(int((disturbed / "run.lock").read_text()), signal.SIGKILL)  # as a power cut
        second.kill()
        second.communicate()
        assert not (disturbed / TABLES[0]).exists()

        third = _start(fields, disturbed, folds)
        out, _ = third.communicate()
        assert third.returncode == 0, out
        assert "fold 1 seed 0: done" in out and "fold 5 seed 0: new" in out
        assert whole.wait() == 0, (tmp_path / "log.txt").read_text()
    for name in TABLES:
        assert (disturbed / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    _assert_pooled_as_scikit_learn(disturbed)


def _assert_pooled_as_scikit_learn(directory):
    """Checks the pooled row of the last epoch against the folds' files put end to end."""
    truth, answers = [], []
    for fold in FOLDS:
        with open(directory / f"fold{fold}_seed0" / "eval" / f"fd{fold}.json") as file:
            for row in json.load(file)["predictions"]:
                truth.append(row["label"])
                answers.append(row["prediction"])
    assert len(truth) == len(FOLDS) * fold_dataset.CLIPS_PER_FOLD
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
def test_mistakes_are_one_sentence_and_write_nothing(fields, tmp_path, more, code, message):
    started = _start(fields, tmp_path / "runs", *more)
    out, _ = started.communicate()
    assert started.returncode == code and message in out and "Traceback" not in out
    assert not (tmp_path / "runs").exists()


def test_what_no_run_can_start_with_stops_at_the_first(fields, tmp_path):
    started = _start(fields | {"data.data_dir": str(tmp_path)}, tmp_path / "runs")
    out, _ = started.communicate()
    assert started.returncode == 1 and out.count("is not built in") == 1
    assert "fold 1 seed 0 was refused" in out and "Traceback" not in out


def test_overrides_reach_the_run_as_they_were():
    overrides = {
        "model.aux_stages": ("layer2",),
        "loss.aux_weights": (0.05,),
        "optim.momentum": 0.5,
        "data.sampling": "official",
        "model.temporal_factor": False,
    }
    run = runs.Run(3, 7, "there", synthetic.get_config())
    typed = runs.command("configs/synthetic.py", overrides, run)
    parsed = flags.FlagValues()
    config_flags.DEFINE_config_file("config", flag_values=parsed)
    flags.DEFINE_string("workdir", None, "", flag_values=parsed)
    given = ["main", *typed[3:]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", given)  # where config flags look for overrides
        parsed(given)
    assert typed[1:3] == ["-m", "dfer_jax.main"] and parsed.workdir == "there"
    expected = synthetic.get_config()
    expected.update_from_flattened_dict({**overrides, "fold": 3, "seed": 7})
    assert parsed.config.to_dict() == expected.to_dict()


def test_a_crash_of_one_run_is_told_and_costs_no_other(config, tmp_path):
    planned = runs.plan(config, folds=[1, 2, 3], seeds=[0], directory=str(tmp_path))
    programs = [
        "raise SystemExit(3)",
        f"open({str(tmp_path / 'ran')!r}, 'w')",
        "raise SystemExit(1)",
    ]
    os.makedirs(planned[2].workdir)  # it had begun before it was refused
    with process.only_one(str(tmp_path)) as lock:
        failed = runs.train_missing(
            planned, [[sys.executable, "-c", program] for program in programs], lock=lock
        )
    assert (tmp_path / "ran").exists()
    assert failed == {
        "fold 1 seed 0": "crashed with exit code 3",
        "fold 3 seed 0": "ended with the error above",
    }


def _evaluate(run, *, step=6, epoch=2.0, **about):
    """Writes both evaluations of a run, as at its end."""
    facts = {"step": step, "epoch": epoch, "preprocess": experiment.preprocess(run.config)} | about
    for name in ("fd1", "fd1.best"):
        case = prediction_files.random_case(0, 9)
        prediction_files.write(run.workdir, *case, file_name=name, **facts)


@pytest.mark.parametrize(
    ("facts", "word"),
    [({}, "done"), ({"epoch": 1.0}, "new"), ({"preprocess": {"sampling": "official"}}, "new")],
    ids=["complete", "too early", "other frames"],
)
def test_only_the_final_evaluation_with_the_runs_own_frames_counts(config, tmp_path, facts, word):
    [run] = runs.plan(config, folds=[1], seeds=[0], directory=str(tmp_path))
    assert runs.state(run).word == "new"
    _evaluate(run, **facts)
    assert runs.state(run).word == word
    (tmp_path / "fold1_seed0" / "eval" / "fd1.best.json").write_text("{")
    assert runs.state(run).word == "new"


def test_best_on_test_of_a_validated_run_comes_from_its_curves(config, tmp_path):
    [run] = runs.plan(config, folds=[1], seeds=[0], directory=str(tmp_path))
    _evaluate(run, selection="best on validation")
    rows = [{"test/war": 0.4, "test/uar": 0.3}, {"test/war": 0.6, "test/uar": 0.5}, {"x/y": 1}]
    text = "".join(json.dumps({"step": i, "epoch": i, **row}) + "\n" for i, row in enumerate(rows))
    (tmp_path / "fold1_seed0" / "metrics.jsonl").write_text(text)
    table = summary.write(config, [run], {}, directory=str(tmp_path))
    assert "UAR 50.00  WAR 60.00  fold 1, best epoch on test, scores from the curves" in table
    assert "best epoch on validation clips" in table


def test_a_data_set_without_folds_has_one_run_per_seed(tmp_path):
    config = ferv39k.get_config()
    planned = runs.plan(config, folds=None, seeds=[0, 3], directory=str(tmp_path))
    assert [run.workdir for run in planned] == [str(tmp_path / "seed0"), str(tmp_path / "seed3")]
    assert planned[1].config.seed == 3 and planned[1].files[0].endswith("seed3/eval/test.json")
    with pytest.raises(UserError, match="has no folds"):
        runs.plan(config, folds=[1], seeds=[0], directory=str(tmp_path))


def test_the_plan_has_every_run_and_guesses_say_so(config, tmp_path):
    planned = runs.plan(config, folds=None, seeds=[0, 1], directory=str(tmp_path / "x"))
    assert [(run.fold, run.seed) for run in planned] == [
        (f, s) for s in (0, 1) for f in range(1, 6)
    ]
    text = estimate.describe(planned, directory=str(tmp_path / "x"))
    assert text.count(": new of 6 (2 x 3)") == 10
    assert "a guess of" in text and "GiB free" in text
    assert not (tmp_path / "x").exists()


def test_the_time_left_follows_the_speed_of_what_was_trained(config, tmp_path):
    planned = runs.plan(config, folds=[1, 2], seeds=[0], directory=str(tmp_path))
    _evaluate(planned[0])  # 12 clips a step, 3 steps an epoch, 2 epochs; 4 evaluations of 9 clips
    rows = [
        {"step": i, "epoch": i / 3, "train/clips_per_s": s} for i, s in enumerate((1, 0.5, 0.5))
    ]
    (tmp_path / "fold1_seed0" / "metrics.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in rows)
    )
    text = estimate.describe(planned, directory=str(tmp_path))
    assert "fold 1 seed 0: done at step 6" in text
    minutes = (2 * 3 * 12 + 4 * 9 / 3) / 0.5 / 60
    assert f"about {minutes:.0f} min (0.5 clips/s, the median" in text
    planned[1].config.pretrain.epochs = 10
    minutes += 10 * 110 * 7 / 0.5 / 60
    assert f"about {minutes / 60:.1f} h" in estimate.describe(planned, directory=str(tmp_path))


def test_a_run_of_another_config_is_refused(config, tmp_path):
    planned = runs.plan(config, folds=[1], seeds=[0], directory=str(tmp_path))
    os.makedirs(planned[0].workdir)
    saved = json.loads(planned[0].config.to_json_best_effort())
    saved["loss"]["ial_weight"] = 0.9
    with open(os.path.join(planned[0].workdir, "config.json"), "w") as file:
        json.dump(saved, file)
    with pytest.raises(UserError, match=r"loss\.ial_weight: 0\.9 -> 0\.1"):
        runs.check_configs(planned)


def test_a_table_without_a_run_is_refused(config, tmp_path):
    planned = runs.plan(config, folds=[1], seeds=[0], directory=str(tmp_path))
    with pytest.raises(UserError, match="no run came to its end"):
        summary.write(config, planned, {planned[0].name: "died"}, directory=str(tmp_path))
