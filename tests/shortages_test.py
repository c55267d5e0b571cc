import errno
import os
import re
import subprocess
import sys

import jax
import pytest

from dfer_jax import errors, shortages


def _wrapped(error):
    """As libraries do: the system's error is the cause of one of theirs."""
    try:
        try:
            raise error
        except OSError as cause:
            raise RuntimeError("Failed to write shard 3") from cause
    except RuntimeError as outer:
        return outer


def _of_orbax(path):
    return ValueError(
        f'RESOURCE_EXHAUSTED: Failed writing: "{path}": Failed to write 419790 bytes to file 11: '
        "No space left on device [os_error_code='28']"
    )


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (errno.ENOSPC, "make room and run the same command again"),
        (errno.EDQUOT, "make room in your quota and run the same command again"),
        (errno.EFBIG, r"raise the limit on the size of files \(ulimit -f\) and run the same"),
        (errno.EROFS, "Read-only file system; choose another place"),
        (
            errno.EMFILE,
            r"Too many open files; .*raise the limit on open files \(ulimit -n\) and run",
        ),
        (errno.EEXIST, "File exists; move what is in the way, or choose another place"),
        (errno.EACCES, "Permission denied; give this account the right to it, or choose another"),
        (errno.EIO, "look after the disk or the connection to it and run the same command again"),
    ],
)
@pytest.mark.parametrize("wrap", [lambda e: e, _wrapped], ids=["bare", "wrapped"])
def test_whatever_the_disk_refuses_is_one_sentence(tmp_path, capsys, code, advice, wrap):
    path = str(tmp_path / "not" / "yet")

    def main(argv):
        raise wrap(OSError(code, os.strerror(code), path))

    with pytest.raises(SystemExit) as caught:
        errors._guarded(main, [])
    said = capsys.readouterr().err
    assert caught.value.code == 1
    assert said.startswith(f"error: {path}: {os.strerror(code)}") and said.count("\n") == 1
    assert re.search(advice, said)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            errno.ENOSPC,
            r"PATH: No space left on device \(.* free\); nothing written before is lost",
        ),
        (errno.EIO, r"PATH: Input/output error; look after the disk or the connection to it"),
        (errno.EACCES, r"PATH cannot be written \(Permission denied\); name another folder$"),
        (errno.ENOTEMPTY, r"PATH cannot be written \(Directory not empty\); name another folder$"),
        (errno.EBADF, r"PATH cannot be written \(Bad file descriptor\); name another folder$"),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_what_cannot_be_written_says_what_to_do_instead(tmp_path, code, said, named):
    error = OSError(code, os.strerror(code), *[f"{tmp_path}/a file"] * named)
    path = f"{tmp_path}/a file" if named else str(tmp_path)
    with (
        pytest.raises(errors.UserError, match="^" + said.replace("PATH", re.escape(path))),
        errors.writing(tmp_path, "name another folder"),
    ):
        raise error


def test_what_nobody_reads_is_not_said_to_be_unwritable(tmp_path, monkeypatch):
    monkeypatch.setattr(errors, "unread_by", lambda error: 13)
    with pytest.raises(BrokenPipeError), errors.writing(tmp_path, "name another folder"):
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")


def test_a_full_disk_that_a_library_only_quotes_is_found_with_what_is_needed(tmp_path):
    path = f"{tmp_path}/checkpoints/3/d/a00c"
    said = shortages.of_storage(_of_orbax(path), needed=2_340_000)
    assert said.startswith(f"{path}: No space left on device (2.3 MB needed, ")
    assert " free); nothing written before is lost" in said


def test_a_quoted_refusal_without_a_file_names_what_was_being_written(tmp_path):
    error = RuntimeError("ABORTED: writing: No space left on device")
    said = shortages.of_storage(error, needed=1_200_000, where=f"{tmp_path}/checkpoints")
    assert said.startswith(f"{tmp_path}/checkpoints: No space left on device (1.2 MB needed, ")


@pytest.mark.parametrize("error", [OSError(errno.EBADF, "Bad"), ValueError("no"), KeyError("x")])
def test_other_errors_are_no_shortage(error):
    assert shortages.of_storage(error) is None and shortages.of_memory(error) is None


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MemoryError(), "this machine's memory does not suffice; lower x or data.num_workers and"),
        (
            jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes."),
            "the device's memory does not suffice; lower x and run the command again",
        ),
    ],
)
def test_memory_names_the_field_to_lower(error, message, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    with (
        pytest.raises(errors.UserError, match=message),
        errors.memory_suffices("lower x"),
    ):
        raise error


SHORT_OF_MEMORY = """
import resource
import jax
import jax.numpy as jnp
import numpy as np
from dfer_jax import errors

def main(argv):
    once = jax.jit(lambda x: (x @ x.T @ x).sum())  # 1.6 GB in between
    once.lower(jnp.ones((20000, 2))).compile()
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**28,) * 2)
    with errors.memory_suffices("lower train.batch_size"):
        WORK

errors.run(main)
"""


@pytest.mark.parametrize(
    "work",
    [
        "np.ones(2**28)",
        "jax.block_until_ready(jax.device_put(np.broadcast_to(np.float32(1), (2**28,))))",
        "print(once(jnp.ones((20000, 2))))",
    ],
    ids=["host", "batch", "step"],
)
def test_memory_that_really_runs_out_on_a_cpu_is_one_sentence(work):
    env = {**os.environ, "PYTHONPATH": os.getcwd(), "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", SHORT_OF_MEMORY.replace("WORK", work)]
    run = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert run.returncode == 1 and "Traceback" not in run.stderr, run.stderr
    assert run.stderr.endswith(
        "error: this machine's memory does not suffice; lower train.batch_size or data.num_workers "
        "and run the command again: nothing written before is lost\n"
    )


def test_memory_that_runs_out_anywhere_is_one_sentence(capsys):
    def main(argv):
        raise MemoryError

    with pytest.raises(SystemExit):
        errors._guarded(main, [])
    assert (
        "lower train.batch_size or eval.batch_size or data.num_workers" in capsys.readouterr().err
    )
