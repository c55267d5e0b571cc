"""The command line as a user meets it."""

import functools
import os

import pytest


@pytest.fixture
def run(commands):
    return functools.partial(commands.run, "dfer_jax.data.frame_cache")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "give one NAME"),
        (["dfew/full", "--size=0"], 2, "size"),
        (["dfew/full", "--data_dir=nowhere"], 1, "build it with `dfer build"),
    ],
    ids=["no name", "no size", "not built"],
)
def test_mistakes_are_one_sentence(run, arguments, code, message):
    result = run(*arguments)
    assert result.returncode == code and message in result.stderr
    assert "Traceback" not in result.stderr and not os.path.exists("nowhere")


def test_build_again_and_verify(run, data_dir, tmp_path):
    arguments = [
        "clip_dataset/plain",
        f"--data_dir={data_dir}",
        f"--cache_dir={tmp_path}",
        "--size=20",
    ]
    refused = run(*arguments, "--verify")
    assert refused.returncode == 1 and "there is no frame cache" in refused.stderr
    built = run(*arguments, "--num_processes=1")
    assert built.returncode == 0, built.stderr
    assert "17 clips, 252 frames of 20 x 20" in built.stdout and "is complete" in built.stdout
    assert f"data.decode_size=20 data.cache_dir={tmp_path}" in built.stdout
    assert "252/252" in built.stderr  # the progress bar
    again = run(*arguments)
    assert again.returncode == 0 and "is there already" in again.stdout
    verified = run(*arguments, "--verify")
    assert verified.returncode == 0 and "is as it was written" in verified.stdout
