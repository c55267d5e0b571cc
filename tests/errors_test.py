import errno
import os
import pty
import signal
import subprocess
import sys

import pytest
from absl import app

from dfer_jax import errors, signals
from dfer_jax.runtime.stop_request import StopRequest


def _leaving(error):
    def main(argv):
        raise error

    return lambda: errors._guarded(main, [])


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (errors.UserError("clip 7 is empty"), 1, "error: clip 7 is empty\n"),
        (app.UsageError("expected two arguments"), 2, "error: expected two arguments; --help"),
        (PermissionError(errno.EACCES, "Permission denied", "runs/x"), 1, "error: runs/x: Perm"),
        (OSError(errno.ENOSPC, "No space left on device", "runs/x"), 1, "No space left"),
        (KeyboardInterrupt(), 130, "stopped\n"),
        (errors.StoppedError("saved at step 3", 15), 143, "error: saved at step 3\n"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_mistake_or_a_full_disk_is_one_sentence(capsys, error, code, message):
    with pytest.raises(SystemExit) as caught:
        _leaving(error)()
    assert caught.value.code == code
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("error", [RuntimeError("bug"), OSError(errno.EBADF, "Bad descriptor")])
def test_a_bug_keeps_its_traceback(error):
    with pytest.raises(type(error)):
        _leaving(error)()


def test_long_lists_are_cut_with_a_count():
    assert errors.list_some(range(3)) == "  0\n  1\n  2"
    assert errors.list_some(range(25)).endswith("  19\n  ... and 5 more")


def test_a_request_to_stop_before_the_command_begins_is_one_word():
    program = (
        "import os, signal\nfrom dfer_jax import errors\n"
        "errors.run(print, prepare=lambda argv: os.kill(os.getpid(), signal.SIGINT) or argv)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "stopped\n")


def test_a_pipe_between_processes_of_ours_that_breaks_is_a_bug():
    with pytest.raises(BrokenPipeError):
        _leaving(BrokenPipeError(errno.EPIPE, "Broken pipe"))()


def test_a_terminal_that_is_closed_asks_once_though_shell_and_system_tell_of_it():
    with StopRequest() as stop:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGHUP)
    assert stop.requested and stop.stopped("").exit_code == 129


def test_a_full_disk_under_what_is_printed_asks_a_training_to_stop():
    full = os.open("/dev/full", os.O_WRONLY)
    with StopRequest() as stop, stop.if_unread():
        os.write(full, b"step 1")
    os.close(full)
    assert stop.requested
    assert str(stop.stopped("stopped at step 1 of 2 and saved")) == (
        "stopped at step 1 of 2 and saved, for what is printed cannot be written (No space left on "
        "device); change that and run the same command again to go on"
    )
    assert stop.stopped("").exit_code == 1


@pytest.mark.parametrize(("opened", "code"), [(os.pipe, 141), (pty.openpty, 129)])
def test_what_finds_no_reader_asks_a_training_to_stop(monkeypatch, opened, code):
    reading, writing = opened()
    os.close(reading)  # as a terminal's window, or the reader of a pipe
    unread = os.fdopen(writing, "w", buffering=1)
    monkeypatch.setattr("sys.stdout", unread)
    with StopRequest() as stop, stop.if_unread():
        print("step 1")
    assert stop.requested and signals.exit_code(stop.number) == code
    with pytest.raises(OSError, match=r"Broken pipe|Input/output error"):
        unread.close()


def test_a_reader_that_leaves_is_no_mistake():
    program = "import sys\nfrom dfer_jax import errors\nerrors.run(lambda argv: print('x' * 10**6))"
    command = f'{sys.executable} -c "{program}" | head -c 1'
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (141, "x", "")


@pytest.mark.parametrize(
    ("environment", "code", "out", "err"),
    [
        ({"PYTHONIOENCODING": "ascii"}, 0, b"r\\xfcn \\udcff\n", b""),
        ({"PYTHONIOENCODING": "utf-8"}, 0, "rün \\udcff\n".encode(), b""),
        (
            {"LC_ALL": "C", "PYTHONUTF8": "0"},
            2,
            b"",
            b"error: other letters than ASCII in file names cannot be used with this locale; set "
            b"LC_ALL=C.UTF-8 or unset PYTHONUTF8\n",
        ),
    ],
)
def test_names_of_any_letters_are_printed_or_refused(environment, code, out, err):
    program = "from dfer_jax import errors\nerrors.run(lambda argv: print(*argv[1:]))"
    command = [sys.executable, "-c", program, "rün", b"\xff"]
    done = subprocess.run(command, capture_output=True, env={**os.environ, **environment})
    assert (done.returncode, done.stdout, done.stderr) == (code, out, err)


def test_files_may_be_opened_as_many_as_the_account_may():
    program = (
        "import resource\nfrom dfer_jax import errors\nsoft, hard = 40, 200\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))\n"
        "errors.run(lambda argv: print(*resource.getrlimit(resource.RLIMIT_NOFILE)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "200 200\n", "")


def test_too_few_open_files_are_refused_before_anything_is_done():
    program = (
        "import resource\nfrom dfer_jax import errors\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (28, 28))\nerrors.run(print)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "error: only 28 files may be open at a time, where 64 are needed; raise the limit "
        "(ulimit -n) and run the same command again\n"
    )


def test_what_falls_apart_after_the_sentence_is_silent():
    program = """
from dfer_jax import errors

async def begun():
    pass

class Half:
    def __del__(self):
        raise AttributeError("_ssock")

def main(argv):
    globals()["kept"] = Half(), begun()
    raise errors.UserError("too many open files")

errors.run(main)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "error: too many open files\n")
