"""When one of several processes fails all end, each with a sentence that says why.

Else the others would wait for its part of the next sum until JAX misses it, and it for them. Of
a process that is killed outright the others learn by what they send it or, of the first, by JAX,
which aborts them without a sentence.
"""

import atexit
import contextlib
import json
import os
import re
import sys
import threading
from collections.abc import Iterator

import jax
from jax._src import distributed  # what processes tell each other outside of sums is not public

from dfer_jax.errors import UserError, in_one_line

# Held while something is written that a process which ends for another's sake finishes first.
UNCUT = threading.Lock()

# What Gloo (CPU) and NCCL (GPU) say of a process that is no more.
_BROKEN = re.compile("connection (closed|reset)|broken pipe|remote process exited", re.IGNORECASE)
_LOST = "the connection to another process broke"
_FAILED = "failed"
_EVERY = 0.5  # seconds
_GRACE = 10  # seconds, in which a process may end by itself, for the same reason
_PATIENCE = 60  # seconds, for what is being written


@contextlib.contextmanager
def fail_together() -> Iterator[None]:
    """Runs a block on every process; where it fails on one, all of them end.

    The others print the sentence of the one that failed and exit with its code, whatever they are
    at, unless they fail by themselves meanwhile.

    Raises:
        UserError: if the connection to another process breaks.
    """
    if distributed.global_state.client is None:  # one process, whose devices wait for the config
        yield
        return
    done = threading.Event()
    threading.Thread(target=_listen, args=(done,), daemon=True).start()
    try:
        yield
    except Exception as error:
        code, text = _told(error)
        with contextlib.suppress(jax.errors.JaxRuntimeError):  # another one was first
            said = json.dumps({"process": jax.process_index(), "code": code, "text": text})
            distributed.global_state.client.key_value_set(f"{_FAILED}/first", said)
        lost = text.startswith(_LOST)
        # Runs before what JAX has registered.
        atexit.register(_leave_in_time, code, seconds=2 * _GRACE + (0 if lost else _PATIENCE))
        if lost:
            raise UserError(text) from error
        raise
    finally:
        done.set()


def _told(error: Exception) -> tuple[int, str]:
    """Returns the exit code and what the other processes are to say."""
    if isinstance(error, UserError):
        return error.exit_code, str(error)
    text = in_one_line(error)
    if isinstance(error, jax.errors.JaxRuntimeError) and _BROKEN.search(text):
        return 1, f"{_LOST} ({text}); start all again to go on from the last checkpoint"
    return 1, f"{type(error).__name__}: {text}"


def _listen(done: threading.Event) -> None:
    while not (heard := distributed.global_state.client.key_value_dir_get(_FAILED)):
        if done.wait(_EVERY):
            return
    if done.wait(_GRACE):
        return
    failed = json.loads(heard[0][1])
    UNCUT.acquire(timeout=_PATIENCE)  # in vain where what is written waits for the one that failed
    print(f"error: process {failed['process']} failed: {failed['text']}", file=sys.stderr)
    _leave_in_time(failed["code"], seconds=2 * _GRACE)
    os._exit(failed["code"])


def _leave_in_time(code: int, *, seconds: float) -> None:
    """Waits until all others end too; exits if one of them does not, for it is no more."""
    ended = threading.Thread(target=jax.distributed.shutdown, daemon=True)
    ended.start()
    ended.join(seconds)
    if ended.is_alive():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
