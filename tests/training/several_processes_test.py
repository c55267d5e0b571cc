"""Real processes on this machine train one model together."""

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

from dfer_jax.runs import checkpoint, metric_writer

PATIENCE = 900  # seconds; a busy machine compiles slowly


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    path = tmp_path_factory.mktemp("several")
    clip_dataset.build(str(path / "data"), "truth")
    return path


def start(base, directory, *, processes=1, devices=1, mode="train_and_eval"):
    """Starts the command line once for each process."""
    config = tiny.config(base / "data")
    config.optim.learning_rate = 1e-5  # higher, float32 itself drifts apart in six steps
    config.train.log_every_steps = 1
    command = [sys.executable, "-m", "dfer_jax.main", "--config=configs/base.py", f"--mode={mode}"]
    command += [f"--workdir={base / directory}"]
    for section in ("data", "model", "optim", "train", "eval"):
        for name in config[section]:
            value = config[section][name]
            if isinstance(value, str | int | float) and value != "":
                command.append(f"--config.{section}.{name}={value}")
    environment = {
        **os.environ,
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices} "
        "--xla_backend_optimization_level=0",  # compiles much faster
        "JAX_COMPILATION_CACHE_DIR": str(base / "xla"),
        "PYTHONPATH": os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")]),
    }
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"--coordinator_address=localhost:{free.getsockname()[1]}"
    return [
        subprocess.Popen(
            command
            + [address, f"--num_processes={processes}", f"--process_id={index}"] * (processes > 1),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for index in range(processes)
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
def one_device(base):
    finish(start(base, "one"))
    return base / "one"


@pytest.fixture(scope="module")
def two_processes(base):
    return base / "two", finish(start(base, "two", processes=2))


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


def test_two_processes_follow_the_trajectory_of_one_device(two_processes, one_device):
    same_trajectory(two_processes[0], one_device)


def test_two_devices_of_one_process_do_too(base, one_device):
    finish(start(base, "devices", devices=2))
    same_trajectory(base / "devices", one_device)


def test_the_first_process_alone_prints_and_writes_what_one_would(two_processes, one_device):
    directory, [first, second] = two_processes
    assert "2 cpu device(s) of 2 processes" in first[0] and "WAR" in first[0]
    ours = [line for line in second[0].splitlines() if not line.startswith("[Gloo]")]
    assert not ours and "step/s" not in second[1]
    expected, found = evaluation(one_device), evaluation(directory)
    assert len(expected["predictions"]) == len(clip_dataset.TEST_LENGTHS)
    probabilities = [
        [row.pop("probabilities") for row in result["predictions"]] for result in (expected, found)
    ]
    np.testing.assert_allclose(probabilities[1], probabilities[0], atol=1e-5)
    assert expected["predictions"] == found["predictions"]
    assert expected["confusion"] == found["confusion"]
    arrays = [np.load(d / "eval" / "test.features.npz") for d in (one_device, directory)]
    assert sorted(arrays[0].files) == sorted(arrays[1].files)
    np.testing.assert_array_equal(arrays[0]["clip_id"], arrays[1]["clip_id"])
    np.testing.assert_allclose(arrays[1]["features"], arrays[0]["features"], rtol=2e-3, atol=1e-4)
    assert (directory / "report.html").exists()


def test_one_process_is_stopped_all_save_and_resume_as_if_undisturbed(base, two_processes):
    running = start(base, "stopped", processes=2)
    metrics = base / "stopped" / metric_writer.METRICS_FILE
    deadline = time.monotonic() + PATIENCE
    while not metrics.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    running[1].send_signal(signal.SIGTERM)  # the loop is about to take its first steps
    printed = finish(running, code=143)
    stops = [re.search(r"stopped at step (\d) of 6 and saved", text) for _, text in printed]
    assert all(stops) and len({stop[1] for stop in stops}) == 1, printed
    printed = finish(start(base, "stopped", processes=2))
    assert f"resuming from step {stops[0][1]}" in printed[0][0]
    jax.tree.map(
        np.testing.assert_array_equal, weights(base / "stopped"), weights(two_processes[0])
    )
    assert column(base / "stopped", "train/loss") == column(two_processes[0], "train/loss")
