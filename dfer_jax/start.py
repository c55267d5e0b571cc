"""The start of a process, and its end where a command breaks off.

Until a command listens to signals, Ctrl-C ends it without a traceback: importing JAX and TFDS takes
a second, in which a `KeyboardInterrupt` would surface anywhere.
"""

import atexit
import contextlib
import os
import signal
import sys
from typing import NoReturn

_OURS = ("dfer_jax", "tfds_builders")
_SCRIPT = "dfer"
_left: list[int] = []


def stop_without_traceback() -> None:
    """Lets Ctrl-C end the process with one word, where nobody handles or ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _stop)


def is_command_of_ours() -> bool:
    """Returns whether Python is about to run one of these packages' modules, by `python -m`."""
    after = sys.orig_argv[sys.orig_argv.index("-m") + 1 :] if "-m" in sys.orig_argv else []
    return sys.argv[:1] == ["-m"] and bool(after) and after[0].split(".")[0] in _OURS


def leave(code: int) -> NoReturn:
    """Ends a command that breaks off, once all that tidies up has run.

    XLA goes on with what it was given; a process that is taken apart meanwhile crashes, as one of
    three did whose prediction was stopped. So nothing is taken apart.
    """
    main = sys.modules["__main__"]
    module = getattr(getattr(main, "__spec__", None), "name", "").split(".")[0]
    file = getattr(main, "__file__", None) or ""  # of "dfer", where it is not a module
    if module in _OURS or os.path.basename(file) == _SCRIPT:
        _left.append(code)
    sys.exit(code)


@atexit.register  # the first, so that it runs last
def _end() -> None:
    if _left:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(_left[0])


def _stop(number: int, _: object) -> None:
    os.write(2, b"stopped\n")
    os._exit(128 + number)
