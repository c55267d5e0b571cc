"""Errors meant for people: one sentence saying what is wrong, where, and what to do."""

import contextlib
import errno
import io
import os
import re
import resource
import select
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from absl import app

from dfer_jax import shortages, signals
from dfer_jax.start import leave

_FEWEST_FILES = 64  # open at a time; saving a checkpoint takes some fifty


class UserError(Exception):
    """A mistake in the user's input; its message is all the user sees, without a traceback."""

    exit_code = 1


class StoppedError(UserError):
    """A person or scheduler asked to stop, and what there was to save is saved."""

    def __init__(self, message: str, number: int | None = None) -> None:
        """Takes the number of the signal; None: the first that came, else SIGINT."""
        super().__init__(message)
        first = signals.received[0] if signals.received else signal.SIGINT
        self.exit_code = signals.exit_code(first if number is None else number)


def run(
    main: Callable[[list[str]], None],
    *,
    prepare: Callable[[Sequence[str]], list[str]] = list,
) -> None:
    """Runs a command line under absl, without a traceback for a user's mistake.

    Exit codes: 0 done, 1 `UserError`, 2 bad usage (flags, or `app.UsageError`), 130 stopped by
    SIGINT (Ctrl-C), 143 stopped by SIGTERM, 129 stopped by SIGHUP (its terminal was closed), 141
    ended because nobody reads standard output any more, as in `dfer ... | head`. A second signal
    ends the process at once.

    Args:
        main: takes the arguments that are no flags, the program's name first.
        prepare: rewrites the command line before its flags are read.
    """
    try:
        signals.watch()
        _open_all_files_allowed()
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")  # names may hold any character
        sys.argv = prepare(sys.argv)  # ml_collections looks for its fields there
        app.run(lambda argv: _guarded(main, argv), flags_parser=_parse_flags)
    except KeyboardInterrupt:  # before or after `main`
        _leave_stopped()


def unread_by(error: BaseException) -> int | None:
    """Returns the signal that stands for printing to nobody, if an error came of that.

    SIGPIPE of a pipe that nobody reads any more, SIGHUP of a terminal that was closed.
    """
    signs = {errno.EPIPE: signal.SIGPIPE, errno.EIO: signal.SIGHUP}
    if (
        isinstance(error, OSError)
        and error.filename is None
        and any(map(_is_unread, (sys.stdout, sys.stderr)))
    ):
        return signs.get(error.errno)
    return None


def list_some(items: Sequence[object], *, most: int = 20) -> str:
    """Returns the first `most` items, one a line, and how many more there are."""
    lines = [f"  {item}" for item in items[:most]]
    if len(items) > most:
        lines.append(f"  ... and {len(items) - most} more")
    return "\n".join(lines)


def list_in_line(items: Sequence[object], *, most: int = 12) -> str:
    """Returns the first `most` items, joined by commas, and how many more there are."""
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(map(str, items[:most])) + more


def counted(number: int, noun: str) -> str:
    """Returns "1 clip" or "1,234 clips"."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


@contextlib.contextmanager
def memory_suffices(advice: str) -> Iterator[None]:
    """Lets whatever runs out of memory in the block name the fields to lower.

    Args:
        advice: which field to lower, or raise.

    Raises:
        UserError: in place of what was raised.
    """
    try:
        yield
    except Exception as error:
        if whose := shortages.of_memory(error):
            raise UserError(_out_of_memory(whose, advice)) from error
        raise


@contextlib.contextmanager
def writing(where: str | os.PathLike[str], instead: str) -> Iterator[None]:
    """Lets what cannot be written in the block name what to do; a full disk how much is free.

    Args:
        where: what is written, for errors that name no file.
        instead: what to do where the place is closed to this account, or taken.

    Raises:
        UserError: in place of an `OSError`, unless that means that nobody reads what is printed.
    """
    try:
        yield
    except OSError as error:
        if unread_by(error):
            raise
        sentence = shortages.of_storage(error, where=os.fspath(where))
        if sentence is None or shortages.is_of_place(error):
            what = os.fsdecode(error.filename or where)
            sentence = f"{what} cannot be written ({error.strerror or error}); {instead}"
        raise UserError(sentence) from error


def _out_of_memory(whose: str, advice: str = "lower train.batch_size or eval.batch_size") -> str:
    workers = " or data.num_workers" if whose == "this machine's" else ""
    return (
        f"{whose} memory does not suffice; {advice}{workers} and run the command again: nothing "
        "written before is lost"
    )


def _guarded(main: Callable[[list[str]], None], argv: list[str]) -> None:
    try:
        main(argv)
    except UserError as error:
        _leave(str(error), error.exit_code)
    except app.UsageError as error:
        _leave(f"{error}; --help explains", 2)
    except KeyboardInterrupt:
        _leave_stopped()
    except Exception as error:
        if number := unread_by(error):
            _leave_unread(number)
        if sentence := shortages.of_storage(error):
            _leave(sentence, 1)
        if whose := shortages.of_memory(error):
            _leave(_out_of_memory(whose), 1)
        if signals.received:  # what an interrupted import or worker raises says nothing more
            _leave_stopped()
        raise


def _open_all_files_allowed() -> None:
    """Raises the limit on open files, 256 on some systems, as far as this account may."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):  # macOS allows less than it says
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= allowed < _FEWEST_FILES:  # below 0: as many as one likes
        _leave(
            f"only {allowed} files may be open at a time, where {_FEWEST_FILES} are needed; raise "
            "the limit (ulimit -n) and run the same command again",
            1,
        )


def _parse_flags(argv: list[str]) -> list[str]:
    """Parses flags; whatever a flag or config file raises becomes one sentence."""
    if sys.getfilesystemencoding() != "utf-8" and not all(map(str.isascii, argv)):
        locale = "other letters than ASCII in file names cannot be used with this locale"
        _leave(f"{locale}; set LC_ALL=C.UTF-8 or unset PYTHONUTF8", 2)
    try:
        return app.flags.FLAGS(argv)
    except SystemExit:  # --help has been printed
        sys.exit(0)
    except BrokenPipeError:
        _leave_unread(signal.SIGPIPE)
    except Exception as error:  # an unknown field or a config file's own error is of any type
        _leave(f"{in_one_line(error)}; --help explains", 2)
        raise


def in_one_line(error: Exception) -> str:
    """Returns what any exception says, its lines joined; of a traceback in it, the last."""
    about_field = isinstance(error, AttributeError | KeyError)
    while error.args and isinstance(error.args[0], Exception):  # ml_collections nests them
        error = error.args[0]
    text = str(error.args[0] if error.args else error)
    lines = [line.strip().rstrip(".") for line in text.splitlines() if line.strip()]
    if about_field:
        return _missing_field(text)
    if missing := re.match(r"flag --(\w+)=None: Flag --\1 must have a value", text):
        return f"--{missing[1]} is missing"
    if any(line.startswith("Traceback ") for line in lines):  # of a config file
        lines = [lines[0].rstrip(":"), lines[-1]]
    return ": ".join(lines) or type(error).__name__


def _missing_field(text: str) -> str:
    """Says what ml_collections says of a field that a config does not have."""
    if within := re.search("Attempting to lookup: (.+)", text):  # of a value, as in fold.x
        return f"the config has no field {within[1]!r}"
    if text.endswith("has no attribute 'get_config'"):
        return "the config file has no get_config(); a list of experiments is for dfer compare"
    name = text.splitlines()[0].strip().strip("'\"")
    meant = re.search('Did you mean "(.+)" instead of', text)
    return f"the config has no field {name!r}" + (f"; did you mean {meant[1]!r}?" if meant else "")


def _leave_unread(number: int) -> None:
    """Ends as `dfer ... | head` expects: nobody reads on, which is no mistake, nor all is done."""
    _drop_unread()
    leave(signals.exit_code(number))


def _drop_unread() -> None:
    """Drops what nobody would read, which Python writes as it ends, and complains of."""
    for stream in (sys.stdout, sys.stderr):
        if _is_unread(stream):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _is_unread(stream: Any) -> bool:
    with contextlib.suppress(AttributeError, OSError, ValueError):  # closed, or no such call here
        watched = select.poll()
        watched.register(stream.fileno(), 0)
        return any(event & select.POLLERR for _, event in watched.poll(0))
    return False


def _leave_stopped() -> None:
    _drop_unread()
    print("stopped", file=sys.stderr)
    leave(StoppedError("stopped").exit_code)


def _leave(message: str, code: int) -> None:
    _drop_unread()
    print(f"error: {message}", file=sys.stderr)
    warnings.simplefilter("ignore")  # what was begun and falls apart now has nothing to add
    sys.unraisablehook = lambda _: None
    leave(code)
