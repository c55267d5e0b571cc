"""Stopping, killing and doubling the parent, with small processes in place of trainings."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from dfer_jax.clips.crossval import process

PARENT = """
import sys
from dfer_jax import errors
from dfer_jax.clips.crossval import process

def main(argv):
    with process.only_one(argv[1]) as lock:
        for child in argv[2:]:
            command = [sys.executable, "-u", "-c", child]
            print("code", process.run_to_end(command, lock=lock), flush=True)

errors.run(main)
"""
TRAINING = """
import signal, sys, time
stops = []
signal.signal(signal.SIGTERM, lambda *_: stops.append(1))
print("training", flush=True)
for _ in range(600):
    time.sleep(0.1)
    if stops:
        time.sleep(0.5)
        print("saved after", len(stops), "request", flush=True)
        sys.exit(1)
"""


def _start(directory, *children):
    return subprocess.Popen(
        [sys.executable, "-c", PARENT, str(directory), *children],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )


def _run(directory, *children):
    parent = _start(directory, *children)
    out, err = parent.communicate(timeout=60)
    return parent.returncode, out, err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_request_to_stop_reaches_the_training_once_and_is_waited_for(tmp_path, number):
    parent = _start(tmp_path, TRAINING, "print('next')")
    assert parent.stdout.readline() == "training\n"
    for _ in range(2):  # as `timeout` does
        parent.send_signal(number)
        time.sleep(0.01)
    out, err = parent.communicate(timeout=60)
    assert out == "saved after 1 request\n"
    assert parent.returncode == 128 + number and "run the same command again" in err
    assert "Traceback" not in err


def test_the_training_of_a_killed_parent_is_asked_to_save_before_the_next_starts(tmp_path):
    parent = _start(tmp_path, TRAINING)
    assert parent.stdout.readline() == "training\n"
    parent.kill()
    parent.wait()
    started = time.monotonic()
    code, out, err = _run(tmp_path, "print('next')")
    assert code == 0, err
    assert time.monotonic() - started > 0.5  # it waited for the saving
    assert parent.stdout.read() == "saved after 1 request\n"
    assert "is still at work" in out and out.endswith("next\ncode 0\n")


def test_two_at_once_are_refused(tmp_path):
    parent = _start(tmp_path, TRAINING)
    assert parent.stdout.readline() == "training\n"
    code, _, err = _run(tmp_path, "print('next')")
    assert code == 1 and f"error: process {parent.pid} on {socket.gethostname()} (" in err
    assert f") is at work in {tmp_path}; wait until it ends" in err
    parent.terminate()
    parent.communicate(timeout=60)
    assert _run(tmp_path, "print('next')")[1] == "next\ncode 0\n"


def test_how_a_run_ended_is_told(tmp_path):
    kill = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    code, out, _ = _run(tmp_path, kill, "import sys; sys.exit(7)", "")
    assert (code, out) == (0, "code -9\ncode 7\ncode 0\n")
    assert "memory" in process.reason(-9)
    assert "SIGSEGV" in process.reason(-signal.SIGSEGV)
    assert "exit code 7" in process.reason(7)


def test_a_file_in_the_way_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = _run(tmp_path / "file", "")
    assert code == 1 and "choose another --workdir" in err and "Traceback" not in err
