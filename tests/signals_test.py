"""Real processes that are asked to stop while they start and while they are in compiled code."""

import os
import signal
import subprocess
import sys
import time

import pytest

BUSY = """
import hashlib, signal
from dfer_jax import errors

def main(argv):
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)  # as a loop that takes a note of it
    print("busy", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)  # minutes in which Python runs no handler

errors.run(main)
"""
DROPPED = """
import os, signal, time
from dfer_jax import errors

class Busy:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.01)

def main(argv):
    Busy()
    time.sleep(20)

errors.run(main)
"""
WAITING = """
import time
from dfer_jax import errors

def main(argv):
    print("busy", flush=True)
    time.sleep(600)

errors.run(main)
"""
STARTING = """
import multiprocessing, time
from multiprocessing import util
from dfer_jax import errors, signals

spawn = util.spawnv_passfds

def spawn_slowly(path, command, files):
    pid = spawn(path, command, files)
    if "spawn_main" in str(command):
        print("busy", flush=True)
        time.sleep(2)  # the process is there and has not been told yet what it is to do
    return pid

util.spawnv_passfds = spawn_slowly

def main(argv):
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=time.sleep, args=(600,), daemon=True)
    with signals.starting_processes():
        process.start()
    time.sleep(600)

errors.run(main)
"""
TIDYING = """
import time
from dfer_jax import errors

def main(argv):
    try:
        print("busy", flush=True)
        time.sleep(600)
    finally:
        time.sleep(0.5)
        print("tidied", flush=True)

errors.run(main)
"""


def start(*command):
    return subprocess.Popen(
        [sys.executable, *command],
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )


TRAIN = ["dfer_jax", "train", "base.py"]
SAME = ["dfer_jax.main", "--config=configs/base.py"]
BUILD = ["tfds_builders.build", "synthetic_dfer/smoke"]


@pytest.mark.parametrize(
    ("command", "module"),
    [
        (TRAIN, "absl.app"),
        (TRAIN, "jax.version"),
        (TRAIN, "orbax.checkpoint._src.path"),
        (SAME, "jax.version"),
        (BUILD, "tensorflow_datasets.version"),
    ],
)
def test_ctrl_c_while_it_starts_is_one_line(tmp_path, command, module):
    where = f"--data_dir={tmp_path}" if command is BUILD else f"--workdir={tmp_path / 'r'}"
    starting = start("-X", "importtime", "-m", *command, where)
    for line in starting.stderr:  # each module as it is imported
        if module in line:
            break
    starting.send_signal(signal.SIGINT)
    said = [line for line in starting.communicate(timeout=60)[1].splitlines() if "|" not in line]
    assert (starting.returncode, said) == (130, ["stopped"])
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_the_first_request_stops_with_a_documented_code(number, code):
    waiting = start("-c", WAITING)
    assert waiting.stdout.readline() == "busy\n"
    waiting.send_signal(number)
    _, said = waiting.communicate(timeout=30)
    assert (waiting.returncode, said) == (code, "stopped\n")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_process_that_is_being_started_prints_no_traceback(number, code):
    starting = start("-c", STARTING)
    assert starting.stdout.readline() == "busy\n"
    (os.killpg if number == signal.SIGINT else os.kill)(starting.pid, number)  # as a terminal does
    _, said = starting.communicate(timeout=60)
    assert (starting.returncode, said) == (code, "stopped\n")


def test_what_is_started_has_ctrl_c_blocked_from_its_beginning():
    """Also the first of a command, before which Python starts a process of its own."""
    looking = STARTING.replace(
        'print("busy", flush=True)', 'print(open(f"/proc/{pid}/status").read(), flush=True)'
    )
    starting = start("-c", looking)
    blocked = next(line for line in starting.stdout if line.startswith("SigBlk:")).split()[1]
    starting.kill()
    starting.communicate()
    assert int(blocked, 16) >> (signal.SIGINT - 1) & 1


def test_nor_does_one_whose_parent_ends_at_once():
    starting = start("-c", STARTING)
    assert starting.stdout.readline() == "busy\n"
    starting.send_signal(signal.SIGTERM)
    time.sleep(0.4)  # what comes at once is one request
    starting.send_signal(signal.SIGTERM)
    _, said = starting.communicate(timeout=60)
    assert (starting.returncode, said) == (143, "stopped at once, nothing more was saved\n")


def test_a_request_in_a_finaliser_which_python_drops_is_heard_nevertheless():
    _, said = (dropped := start("-c", DROPPED)).communicate(timeout=60)
    assert (dropped.returncode, said) == (143, "stopped\n")


def test_the_code_is_that_one_too_when_executed_text_is_interrupted():
    text = WAITING.replace("time.sleep(600)", 'exec("import time; time.sleep(600)")')
    waiting = start("-c", text)
    assert waiting.stdout.readline() == "busy\n"
    waiting.send_signal(signal.SIGINT)
    _, said = waiting.communicate(timeout=60)
    assert (waiting.returncode, said) == (130, "stopped\n")


@pytest.mark.parametrize(
    ("numbers", "code"),
    [
        ((signal.SIGTERM, signal.SIGTERM), 143),  # `timeout` asks the process, then its group
        ((signal.SIGINT, signal.SIGTERM), 130),
        ((signal.SIGHUP, signal.SIGHUP), 129),
    ],
)
def test_what_comes_at_once_is_one_request_and_does_not_disturb_tidying(numbers, code):
    tidying = start("-c", TIDYING)
    assert tidying.stdout.readline() == "busy\n"
    for number in numbers:
        tidying.send_signal(number)
        time.sleep(0.01)  # else the system, too, makes two of one kind one
    said = tidying.communicate(timeout=60)
    assert (tidying.returncode, *said) == (code, "tidied\n", "stopped\n")


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGHUP])
def test_the_second_request_ends_compiled_code_at_once(first):
    busy = start("-c", BUSY)
    assert busy.stdout.readline() == "busy\n"
    busy.send_signal(first)
    time.sleep(0.5)  # what comes at once is one request
    busy.send_signal(
        signal.SIGHUP if first == signal.SIGTERM else signal.SIGTERM
    )  # its terminal goes, too
    with pytest.raises(subprocess.TimeoutExpired):
        busy.wait(timeout=1)
    busy.send_signal(signal.SIGTERM)
    _, said = busy.communicate(timeout=60)
    assert (busy.returncode, said) == (143, "stopped at once, nothing more was saved\n")
