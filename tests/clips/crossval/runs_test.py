"""What there is to run, how far it is, what it costs, and the table of what is done."""

import json
import os
import sys

import fold_dataset
import prediction_files
import pytest
from absl import flags
from ml_collections import config_flags

from configs import ferv39k, synthetic
from dfer_jax.clips import experiment
from dfer_jax.clips.crossval import estimate, process, runs, summary
from dfer_jax.errors import UserError


@pytest.fixture(scope="module")
def fields(tmp_path_factory):
    return fold_dataset.build(tmp_path_factory.mktemp("data"))


@pytest.fixture
def config(fields):
    found = synthetic.get_config()
    found.update_from_flattened_dict(fields)
    return found


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
