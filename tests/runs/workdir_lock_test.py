"""Processes that race for one work directory, kill each other's and meet odd file systems."""

import errno
import fcntl
import json
import os
import re
import socket
import subprocess
import sys

import clip_dataset
import pytest
import tiny
import xla_flags

from dfer_jax.errors import UserError
from dfer_jax.runs import workdir_lock
from dfer_jax.runtime import file_lock
from dfer_jax.runtime.durable_files import write_json

RACER = """
import pathlib, sys
from dfer_jax import errors
from dfer_jax.runs.workdir_lock import only_one

def main(argv):
    print("ready", flush=True)
    for line in sys.stdin:  # one race a line
        try:
            with only_one(line.strip()):
                print("in", flush=True)
                sys.stdin.readline()
        except errors.UserError as error:
            print(error, flush=True)
            sys.stdin.readline()
        print("out", flush=True)

errors.run(main)
"""


def start(code=RACER):
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )


def tell(process, line):
    process.stdin.write(line + "\n")
    process.stdin.flush()


def hear(process):
    return process.stdout.readline().rstrip("\n")


@pytest.fixture(scope="module")
def pair():
    racers = [start(), start()]
    assert [hear(racer) for racer in racers] == ["ready", "ready"]
    yield racers
    for racer in racers:
        racer.kill()


def refusal(holder, directory):
    return (
        rf"process {holder.pid} on {socket.gethostname()} \(python\S* -c .*\) is at work in "
        rf"{directory}; wait until it ends, or choose another work directory"
    )


def test_of_two_that_start_together_one_proceeds_and_the_other_is_told_by_whom(pair, tmp_path):
    for race in range(20):
        directory = tmp_path / str(race % 10)
        for racer in pair:
            tell(racer, str(directory))
        said = [hear(racer) for racer in pair]
        winner = said.index("in")
        assert re.fullmatch(refusal(pair[winner], directory), said[1 - winner])
        for racer in pair:
            tell(racer, "done")
        assert [hear(racer) for racer in pair] == ["out", "out"]
        assert not directory.exists() or not os.listdir(directory)


def test_the_lock_of_a_killed_process_is_no_obstacle(pair, tmp_path):
    killed = start()
    assert hear(killed) == "ready"
    tell(killed, str(tmp_path))
    assert hear(killed) == "in"
    killed.kill()
    killed.wait()
    assert (tmp_path / workdir_lock.LOCK_FILE).exists()
    test_of_two_that_start_together_one_proceeds_and_the_other_is_told_by_whom(pair, tmp_path)
    with workdir_lock.only_one(str(tmp_path)):
        pass
    assert not (tmp_path / workdir_lock.LOCK_FILE).exists()


def test_a_holder_on_another_host_is_named(tmp_path):
    with open(tmp_path / workdir_lock.LOCK_FILE, "a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        json.dump({"host": "node7", "pid": 12, "command": "dfer train dfew.py"}, file)
        file.flush()
        with (
            pytest.raises(UserError, match=r"^process 12 on node7 \(dfer train dfew.py\) is at"),
            workdir_lock.only_one(str(tmp_path)),
        ):
            pass


def test_a_missing_directory_that_is_only_read_is_not_made(tmp_path):
    with workdir_lock.only_one(str(tmp_path / "new"), create=False):
        assert not (tmp_path / "new").exists()
    with workdir_lock.only_one(str(tmp_path / "a" / "b")):
        (tmp_path / "a" / "kept").touch()
    assert os.listdir(tmp_path / "a") == ["kept"]


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, None])
def test_without_locks_one_warning_is_printed(tmp_path, monkeypatch, capsys, number):
    def flock(*_):
        raise OSError(number, os.strerror(number))

    file_lock.warn_without.cache_clear()
    if number is None:
        monkeypatch.setattr(file_lock, "fcntl", None)
    else:
        monkeypatch.setattr(fcntl, "flock", flock)
    for _ in range(2):
        with workdir_lock.only_one(str(tmp_path)):
            write_json(tmp_path / "eval" / "test.json", {})
    assert (tmp_path / "eval" / "test.json").read_text() == "{}\n"
    assert capsys.readouterr().err.count("warning: files cannot be locked here (") == 1


def test_a_lock_file_that_cannot_be_opened_is_said(tmp_path, capsys):
    file_lock.warn_without.cache_clear()
    (tmp_path / workdir_lock.LOCK_FILE).mkdir()  # as one of another user, who may not be root
    with workdir_lock.only_one(str(tmp_path)):
        said = capsys.readouterr().err
    path = tmp_path / workdir_lock.LOCK_FILE
    assert f"warning: files cannot be locked here ({path}: Is a directory), so nothing" in said


def test_a_work_directory_that_is_a_file_is_not_said_to_lack_locks(tmp_path, capsys):
    (tmp_path / "run").write_text("")
    with workdir_lock.only_one(str(tmp_path / "run")):
        pass
    assert capsys.readouterr().err == ""


def test_work_that_nobody_reads_of_stops_and_says_that_it_is_not_done(tmp_path):
    program = (
        "from dfer_jax import errors\n"
        "from dfer_jax.runs.workdir_lock import only_one\n"
        "def main(argv):\n"
        "    with only_one('run'):\n"
        "        print('x' * 10**6)\n"
        "errors.run(main)"
    )
    command = f'{sys.executable} -c "{program}" | head -c 1'
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    said = "error: stopped, for nobody reads what is printed any more; what was done lies in run, "
    said += "and the same command goes on from there\n"
    assert (done.returncode, done.stderr) == (141, said)


def test_of_two_trainings_one_proceeds(tmp_path):
    clip_dataset.build(str(tmp_path / "data"), "truth")
    config = str(tiny.file_of(tmp_path / "plain.py", "plain", tmp_path / "data"))
    command = [sys.executable, "-m", "dfer_jax", "train", config, "--mode=train"]
    path = os.pathsep.join([os.getcwd(), "tests"])
    runs = [
        subprocess.Popen(
            [*command, f"--workdir={tmp_path / 'run'}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "XLA_FLAGS": xla_flags.of_devices(1), "PYTHONPATH": path},
        )
        for _ in range(2)
    ]
    printed = [run.communicate(timeout=300) for run in runs]
    codes = [run.returncode for run in runs]
    assert sorted(codes) == [0, 1], printed
    loser = codes.index(1)
    error = printed[loser][1]
    assert f"error: process {runs[1 - loser].pid} on {socket.gethostname()} (python" in error
    assert f"-m dfer_jax train {config}" in error
    assert f"is at work in {tmp_path / 'run'}; wait until it ends" in error
    assert "Traceback" not in error
    assert not (tmp_path / "run" / workdir_lock.LOCK_FILE).exists()
