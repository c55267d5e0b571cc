"""Real processes that read: killed, stopped, failing, at every moment of their work."""

import multiprocessing
import multiprocessing.util
import os
import re
import signal
import subprocess
import sys
import time

import pytest
import slow_clips

from dfer_jax import signals
from dfer_jax.data.readers import notes, pool
from dfer_jax.errors import StoppedError, UserError
from dfer_jax.signals import ONE_REQUEST

ON = "run the same command again to go on from the last checkpoint"
KILLED = rf"a process that reads clips was killed by SIGKILL {{}}; if memory was short lower .*{ON}"
STUCK = rf"a process that reads clips has stood still for 1 s {{}}; see whether the storage .*{ON}"
AT, AFTER = r"at clip \d{5}( and clip \d{5})?", r"after clip \d{5}"
MOMENTS = {
    "in a clip": ({"seconds": 60, "slow_from": 3}, True, AT),
    "in a message": ({"seconds": 0.1, "seconds_to_send": 60, "slow_from": 3}, False, AFTER),
    "idle": ({}, False, AFTER),
}


@pytest.fixture(autouse=True)
def no_process_is_left():
    yield
    assert not multiprocessing.active_children()


@pytest.fixture
def memories(monkeypatch):
    """What the processes of a test note, in the order of their start."""
    made, shared = [], notes.shared
    monkeypatch.setattr(notes, "shared", lambda threads: made.append(shared(threads)) or made[-1])
    return made


def wait_until_still(memory, *, at_work):
    """Waits until a process of which one clip was taken is at the last two that it was asked for.

    Either its threads are both in these clips, or both have read them.
    """
    deadline, now = time.monotonic() + 60, None
    while now != (5, {at_work}):
        assert time.monotonic() < deadline, f"never still: {now}"
        time.sleep(0.01)
        taken = notes.taken(memory)
        now = sum(note.count for note in taken), {note.at_work for note in taken}


def look_often(monkeypatch, *, patience):
    """A process counts as stuck after so many looks, ten a second."""
    monkeypatch.setattr(pool, "PATIENCE", patience)
    monkeypatch.setattr(pool, "_LOOK", 0.1)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_lost_process_is_said_with_its_clip(moment, number, memories, monkeypatch):
    options, at_work, where = MOMENTS[moment]
    items = pool.read_ahead(slow_clips.Clips(**options), 1)
    index, process, block, _ = next(items)
    assert (index, block[-1]) == (0, 0)
    wait_until_still(memories[0], at_work=at_work)
    look_often(monkeypatch, patience=1)
    os.kill(process, number)
    began = time.monotonic()
    with pytest.raises(UserError) as caught:
        for expected, item in enumerate(items, start=1):
            assert item[0] == expected, "what had been read before comes first, in order"
    assert time.monotonic() - began < 30
    message = str(caught.value)
    wanted = (KILLED if number == signal.SIGKILL else STUCK).format(where)
    assert re.fullmatch(wanted, message), message


def test_a_process_that_is_stopped_before_it_reads_its_work_blocks_nobody(monkeypatch):
    clips = slow_clips.Clips(ballast=bytes(2**22))  # more than a pipe holds
    spawn = multiprocessing.util.spawnv_passfds

    def spawn_and_stop(path, args, passfds):
        process = spawn(path, args, passfds)
        if any(b"spawn_main" in os.fsencode(arg) for arg in args):  # not multiprocessing's own
            os.kill(process, signal.SIGSTOP)
        return process

    monkeypatch.setattr(multiprocessing.util, "spawnv_passfds", spawn_and_stop)
    look_often(monkeypatch, patience=1)
    began = time.monotonic()
    with pytest.raises(UserError, match="stood still for 1 s before its first clip; see whether"):
        next(pool.read_ahead(clips, 1))
    assert time.monotonic() - began < 30


def test_a_process_that_is_stopped_while_it_starts_is_stuck_and_a_slow_one_is_not(monkeypatch):
    look_often(monkeypatch, patience=10)
    items = pool.read_ahead(slow_clips.SlowToOpen(), 1)
    with pytest.raises(UserError, match="stood still for 10 s before its first clip; see whether"):
        next(items)
    items = pool.read_ahead(slow_clips.SlowToOpen(busy=True), 1)
    assert next(items)[0] == 0
    items.close()


def test_a_run_that_is_asked_to_stop_does_not_wait_for_a_stuck_process(memories, monkeypatch):
    items = pool.read_ahead(slow_clips.Clips(seconds=60, slow_from=3), 1)
    next(items)
    wait_until_still(memories[0], at_work=True)
    monkeypatch.setattr(pool, "_LOOK", 0.1)
    signals.received.append(signal.SIGTERM)
    with pytest.raises(
        StoppedError, match=r"^stopped: a process .* still for 3 s at clip"
    ) as caught:
        list(items)
    assert caught.value.exit_code == 143


def test_others_go_on_meanwhile_and_the_order_stays():
    items = pool.read_ahead(slow_clips.Clips(seconds=0.01), 2)
    found = [next(items)[:2] for _ in range(40)]
    assert [index for index, _ in found] == list(range(40))
    assert len({process for _, process in found}) == 2
    items.close()


def test_an_error_arrives_in_its_place_even_if_it_cannot_be_sent():
    items = pool.read_ahead(slow_clips.Clips(error_at=5), 1)
    assert [next(items)[0] for _ in range(5)] == list(range(5))
    with pytest.raises(RuntimeError, match="UnsendableError: 5 at the end") as caught:
        next(items)
    (told,) = caught.value.__notes__
    assert told.startswith("in a process that reads:\nTraceback") and "slow_clips.py" in told


def test_requests_to_stop_that_reach_every_process_are_left_to_the_parent():
    items = pool.read_ahead(slow_clips.Clips(), 1)
    _, process, *_ = next(items)
    for number in (signal.SIGTERM, signal.SIGINT):
        os.kill(process, number)
    assert [next(items)[1] for _ in range(20)] == [process] * 20
    items.close()


def test_notes_are_cut_to_their_place_and_read_at_any_time():
    memory = notes.shared(2)
    assert notes.taken(memory) == [(0, False, "")] * 2
    try:
        notes.begin(memory, 1)
        notes.at("clip " + "é" * 300)
        first, second = notes.taken(memory)
        assert first == (0, False, "") and second[:2] == (1, True)
        assert second.name.startswith("clip ééé") and len(second.name) < 256
        notes.at("clip 2")
        notes.rest()
        assert notes.taken(memory)[1] == (2, False, "clip 2")
    finally:
        notes._here.slot = None


RUN = """
import sys, threading
import slow_clips
from dfer_jax import errors
from dfer_jax.data.readers.pool import read_ahead
from dfer_jax.runtime.stop_request import StopRequest

def main(argv):
    for index, process, *_ in read_ahead(slow_clips.Clips(seconds=600, slow_from=2), 1):
        print(process, flush=True)

def train(argv):
    with StopRequest():
        main(argv)

errors.run({})
"""


def start(main):
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([os.getcwd(), f"{os.getcwd()}/tests"])}
    run = subprocess.Popen(
        [sys.executable, "-c", RUN.format(main)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
    )
    process = {int(run.stdout.readline()) for _ in range(2)}
    time.sleep(0.3)  # until it is at the next clip
    return run, process.pop()


def lives(process):
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_run_ends_with_one_sentence_and_exit_code_1():
    run, process = start("train")
    os.kill(process, signal.SIGKILL)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 1
    assert re.fullmatch(f"error: {KILLED.format(AT)}\n", said), said


@pytest.mark.parametrize(
    ("main", "signals", "code", "said"),
    [
        ("main", [signal.SIGINT], 130, "stopped\n"),
        ("train", [signal.SIGTERM] * 2, 143, "stopped at once, nothing more was saved\n"),
    ],
)
def test_signals_end_a_run_whose_process_is_stopped(main, signals, code, said):
    run, process = start(main)
    os.kill(process, signal.SIGSTOP)
    for number in signals:
        run.send_signal(number)
        time.sleep(2 * ONE_REQUEST)
    _, found = run.communicate(timeout=30)
    assert run.returncode == code and found.endswith(said), found
    assert not lives(process)


def test_a_process_ends_with_its_run():
    run, process = start("main")
    run.kill()
    run.communicate(timeout=30)
    deadline = time.monotonic() + 60
    while lives(process):
        assert time.monotonic() < deadline, "the process reads on for nobody"
        time.sleep(0.05)
