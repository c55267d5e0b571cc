"""The command line as a user meets it: real processes, real files."""

import json
import subprocess
import sys

import pytest


def _refused(result, code, message):
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr
    assert message in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ["--config=configs/dfwe.py"],
            2,
            "no config file configs/dfwe.py; did you mean configs/dfew.py?",
        ),
        (
            ["--config=configs/dfew.py", "--config.optim.learning_rat=1"],
            2,
            "did you mean 'learning_rate'?",
        ),
        (["--config=configs/dfew.py", "--config.train.epochs=many"], 2, "train.epochs=many"),
        (["--config=configs/table4.py"], 2, "a list of experiments is for dfer compare"),
        (["--config=configs/dfew.py", "--config.fold=6"], 1, "has folds 1 to 5"),
        (["--config=configs/dfew.py"], 1, "build it with `dfer build dfew/full"),
        (["--config=configs/dfew.py", "now"], 2, "unexpected arguments ['now']"),
    ],
    ids=["no file", "no field", "wrong type", "a list", "no fold", "not built", "stray word"],
)
def test_mistakes_are_one_sentence_and_write_nothing(tmp_path, commands, arguments, code, message):
    workdir = tmp_path / "run"
    data = [f"--config.data.data_dir={tmp_path}"] if code == 1 else []
    words = [*arguments[:1], *data, *arguments[1:], f"--workdir={workdir}"]
    result = commands.run("dfer_jax.main", *words)
    _refused(result, code, message)
    assert not workdir.exists()


def test_help_is_not_an_error():
    command = [sys.executable, "-m", "dfer_jax.main", "--help"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0
    assert "configs/synthetic.py" in result.stdout + result.stderr


def test_build_train_evaluate_refuse(tmp_path, smoke_data, commands):
    workdir = tmp_path / "run"
    command = [  # as the tutorial, whose compiled programs these are then too
        "dfer_jax.main",
        "--config=configs/synthetic.py",
        "--config.data.dataset=synthetic_dfer/smoke",
        f"--config.data.data_dir={smoke_data}",
        "--config.data.segments=4",
        "--config.data.decode_size=32",
        "--config.model.image_size=32",
        "--config.model.width=8",
        "--config.model.reduction=4",
        "--config.train.batch_size=14",
        "--config.train.epochs=2",
        "--config.eval.batch_size=14",
        f"--workdir={workdir}",
    ]
    trained = commands.run(*command)
    assert trained.returncode == 0, trained.stderr
    assert "predicted" in trained.stdout and "happin" in trained.stdout
    evaluated = commands.run(*command, "--mode=eval")
    assert evaluated.returncode == 0, evaluated.stderr
    with open(workdir / "eval" / "test.json") as file:
        result = json.load(file)
    assert result["num_clips"] == 14 and 0 <= result["war"] <= 1
    assert f"WAR {result['war']:.4f}" in evaluated.stdout
    assert (workdir / "report.html").exists()
    other = commands.run(*command, "--config.seed=1")
    _refused(other, 1, "seed: 0 -> 1")
    wider = commands.run(*command, "--config.model.width=16", "--mode=eval")
    _refused(wider, 1, "kwargs.width: 8 -> 16")
