"""Real processes on this machine train one model together."""

import functools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

import clip_dataset
import jax
import numpy as np
import pytest
import tiny
import xla_flags

from dfer_jax.runs import checkpoint, metric_writer

PATIENCE = 900  # seconds; a busy machine compiles slowly


FAILING_ON_THE_SECOND = """
import jax

from dfer_jax.clips.task import ClipTask
from dfer_jax.errors import UserError

measure = ClipTask.measure


def measure_or_fail(task, state):
    if jax.process_index() == 1:
        raise UserError("clip 7: frame 3 is unreadable")
    return measure(task, state)


ClipTask.measure = measure_or_fail
"""


@pytest.fixture(scope="module")
def config_file(built_clips, tmp_path_factory):
    return tiny.file_of(tmp_path_factory.mktemp("config") / "gentle.py", "gentle", built_clips)


@pytest.fixture(scope="module")
def start(config_file):
    """Returns a function that starts the command line once for each of two processes."""
    return functools.partial(_start, config_file)


def _start(config, directory, *, mode):
    command = [sys.executable, "-m", "dfer_jax.main", f"--config={config}", f"--mode={mode}"]
    command += [f"--workdir={directory}"]
    path = os.pathsep.join([os.getcwd(), "tests", os.environ.get("PYTHONPATH", "")])
    with socket.socket() as free:
        free.bind(("localhost", 0))
        command += [f"--coordinator_address=localhost:{free.getsockname()[1]}"]
    return [
        subprocess.Popen(
            [*command, "--num_processes=2", f"--process_id={index}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "XLA_FLAGS": xla_flags.of_devices(1), "PYTHONPATH": path},
        )
        for index in range(2)
    ]


def finish(running, *, code=0):
    """Waits for all; returns what each printed."""
    try:
        printed = [process.communicate(timeout=PATIENCE) for process in running]
    finally:
        for process in running:
            process.kill()
    for process, (_, errors) in zip(running, printed, strict=True):
        assert process.returncode == code, errors
    return printed


@pytest.fixture(scope="module")
def two_processes(start, tmp_path_factory):
    directory = tmp_path_factory.mktemp("several") / "two"
    return directory, finish(start(directory, mode="train_and_eval"))


def weights(directory):
    step = checkpoint.list_checkpoints(str(directory), best_metric="war")["last"]
    assert step == 6
    return checkpoint.load_weights(str(directory), step)[0]


def column(directory, name):
    rows = metric_writer.read_metrics(str(directory))
    return [row[name] for row in rows if name in row]


def same_trajectory(directory, expected):
    losses = column(expected, "train/loss")
    assert len(losses) == 6 and len(set(losses)) == 6
    np.testing.assert_allclose(column(directory, "train/loss"), losses, rtol=1e-5)
    np.testing.assert_allclose(
        column(directory, "test/loss"), column(expected, "test/loss"), rtol=1e-5
    )
    for a, b in zip(
        jax.tree.leaves(weights(directory)), jax.tree.leaves(weights(expected)), strict=True
    ):
        np.testing.assert_allclose(a, b, atol=1e-5 * max(1.0, float(np.abs(b).max())))


def evaluation(directory):
    with open(directory / "eval" / "test.json") as file:
        return json.load(file)


def test_two_processes_follow_the_trajectory_of_one_device(two_processes, gentle_run):
    same_trajectory(two_processes[0], gentle_run)


def test_the_first_process_alone_prints_and_writes_what_one_would(two_processes, gentle_run):
    directory, [first, second] = two_processes
    assert "2 cpu device(s) of 2 processes" in first[0] and "WAR" in first[0]
    ours = [line for line in second[0].splitlines() if not line.startswith("[Gloo]")]
    assert not ours and "step/s" not in second[1]
    expected, found = evaluation(gentle_run), evaluation(directory)
    assert len(expected["predictions"]) == len(clip_dataset.TEST_LENGTHS)
    probabilities = [
        [row.pop("probabilities") for row in result["predictions"]] for result in (expected, found)
    ]
    np.testing.assert_allclose(probabilities[1], probabilities[0], atol=1e-5)
    assert expected["predictions"] == found["predictions"]
    assert expected["confusion"] == found["confusion"]
    arrays = [np.load(d / "eval" / "test.features.npz") for d in (gentle_run, directory)]
    assert sorted(arrays[0].files) == sorted(arrays[1].files)
    np.testing.assert_array_equal(arrays[0]["clip_id"], arrays[1]["clip_id"])
    np.testing.assert_allclose(arrays[1]["features"], arrays[0]["features"], rtol=2e-3, atol=1e-4)
    assert (directory / "report.html").exists()


@pytest.mark.soak(reason="four more processes that each compile for themselves")
def test_one_process_is_stopped_all_save_and_resume_as_if_undisturbed(
    start, two_processes, tmp_path
):
    running = start(tmp_path / "run", mode="train")
    metrics = tmp_path / "run" / metric_writer.METRICS_FILE
    deadline = time.monotonic() + PATIENCE
    while not metrics.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    running[1].send_signal(signal.SIGTERM)  # the loop is about to take its first steps
    printed = finish(running, code=143)
    stops = [re.search(r"stopped at step (\d) of 6 and saved", text) for _, text in printed]
    assert all(stops) and len({stop[1] for stop in stops}) == 1, printed
    printed = finish(start(tmp_path / "run", mode="train"))
    assert f"resuming from step {stops[0][1]}" in printed[0][0]
    jax.tree.map(
        np.testing.assert_array_equal, weights(tmp_path / "run"), weights(two_processes[0])
    )
    assert column(tmp_path / "run", "train/loss") == column(two_processes[0], "train/loss")


@pytest.mark.soak(reason="four more processes that each compile for themselves")
def test_an_evaluation_that_fails_on_one_process_costs_no_step(
    config_file, two_processes, tmp_path
):
    failing = tmp_path / "failing.py"
    failing.write_text(config_file.read_text() + FAILING_ON_THE_SECOND)
    running = _start(failing, tmp_path / "run", mode="train_and_eval")
    [_, first], [_, second] = finish(running, code=1)
    assert second.endswith("error: clip 7: frame 3 is unreadable\n")
    assert first.endswith("error: process 1 failed: clip 7: frame 3 is unreadable\n")
    printed = finish(_start(config_file, tmp_path / "run", mode="train_and_eval"))
    assert "resuming from step 3" in printed[0][0]
    jax.tree.map(
        np.testing.assert_array_equal, weights(tmp_path / "run"), weights(two_processes[0])
    )
    for name in ("train/loss", "test/loss", "test/war"):
        assert column(tmp_path / "run", name) == column(two_processes[0], name)
    assert evaluation(tmp_path / "run") == evaluation(two_processes[0])


@pytest.mark.soak(reason="two more processes that each compile for themselves")
def test_a_process_that_is_killed_is_missed_in_a_sentence(config_file, tmp_path):
    endless = tmp_path / "endless.py"
    text = config_file.read_text().replace("return ", "config = ")
    endless.write_text(f"{text}    config.train.epochs = 9999\n    return config\n")
    running = _start(endless, tmp_path / "run", mode="train")
    metrics = tmp_path / "run" / metric_writer.METRICS_FILE
    deadline = time.monotonic() + PATIENCE
    while not metrics.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    running[1].kill()
    killed = time.monotonic()
    _, errors = running[0].communicate(timeout=PATIENCE)
    running[1].communicate(timeout=PATIENCE)
    assert running[0].returncode == 1 and time.monotonic() - killed < 60
    assert "error: the connection to another process broke" in errors
    assert "Traceback" not in errors
