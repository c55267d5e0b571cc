"""The start of a process: until its command listens to signals, Ctrl-C ends it without a traceback.

Importing JAX and TFDS takes a second, in which a `KeyboardInterrupt` would surface anywhere.
"""

import os
import signal
import sys

_OURS = ("dfer_jax", "tfds_builders")


def stop_without_traceback() -> None:
    """Lets Ctrl-C end the process with one word, where nobody handles or ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _stop)


def is_command_of_ours() -> bool:
    """Returns whether Python is about to run one of these packages' modules, by `python -m`."""
    after = sys.orig_argv[sys.orig_argv.index("-m") + 1 :] if "-m" in sys.orig_argv else []
    return sys.argv[:1] == ["-m"] and bool(after) and after[0].split(".")[0] in _OURS


def _stop(number: int, _: object) -> None:
    os.write(2, b"stopped\n")
    os._exit(128 + number)
