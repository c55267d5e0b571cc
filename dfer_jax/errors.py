"""Errors meant for people: one sentence saying what is wrong, where, and what to do."""

import errno
import os
import re
import sys
from collections.abc import Callable, Sequence

from absl import app

_PLACES_THAT_FAIL = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.ENOTDIR, errno.EISDIR}
)


class UserError(Exception):
    """A mistake in the user's input; its message is all the user sees, without a traceback."""


def run(
    main: Callable[[list[str]], None],
    *,
    prepare: Callable[[Sequence[str]], list[str]] = list,
) -> None:
    """Runs a command line under absl, without a traceback for a user's mistake.

    Exit codes: 0 done, 1 `UserError`, 2 bad usage (flags, or `app.UsageError`).

    Args:
        main: takes the arguments that are no flags, the program's name first.
        prepare: rewrites the command line before its flags are read.
    """
    sys.argv = prepare(sys.argv)  # ml_collections looks for its fields there
    app.run(lambda argv: _guarded(main, argv), flags_parser=_parse_flags)


def list_some(items: Sequence[object], *, most: int = 20) -> str:
    """Returns the first `most` items, one a line, and how many more there are."""
    lines = [f"  {item}" for item in items[:most]]
    if len(items) > most:
        lines.append(f"  ... and {len(items) - most} more")
    return "\n".join(lines)


def _guarded(main: Callable[[list[str]], None], argv: list[str]) -> None:
    try:
        main(argv)
    except UserError as error:
        _leave(str(error), 1)
    except app.UsageError as error:
        _leave(f"{error}; --help explains", 2)
    except BrokenPipeError:
        _leave_unread()
    except OSError as error:
        if error.errno not in _PLACES_THAT_FAIL:
            raise
        _leave(f"{error.filename or 'a file'}: {error.strerror}; choose another place", 1)
    except KeyboardInterrupt:
        _leave("stopped", 1)


def _parse_flags(argv: list[str]) -> list[str]:
    """Parses flags; whatever a flag or config file raises becomes one sentence."""
    try:
        return app.flags.FLAGS(argv)
    except SystemExit:  # --help has been printed
        sys.exit(0)
    except BrokenPipeError:
        _leave_unread()
    except Exception as error:  # an unknown field or a config file's own error is of any type
        _leave(f"{_in_one_line(error)}; --help explains", 2)
        raise


def _in_one_line(error: Exception) -> str:
    about_field = isinstance(error, AttributeError | KeyError)
    while error.args and isinstance(error.args[0], Exception):  # ml_collections nests them
        error = error.args[0]
    text = str(error.args[0] if error.args else error)
    lines = [line.strip().rstrip(".") for line in text.splitlines() if line.strip()]
    if about_field:
        return _missing_field(text)
    if any(line.startswith("Traceback ") for line in lines):  # of a config file
        lines = [lines[0].rstrip(":"), lines[-1]]
    return ": ".join(lines) or type(error).__name__


def _missing_field(text: str) -> str:
    """Says what ml_collections says of a field that a config does not have."""
    if within := re.search("Attempting to lookup: (.+)", text):  # of a value, as in fold.x
        return f"the config has no field {within[1]!r}"
    name = text.splitlines()[0].strip().strip("'\"")
    meant = re.search('Did you mean "(.+)" instead of', text)
    return f"the config has no field {name!r}" + (f"; did you mean {meant[1]!r}?" if meant else "")


def _leave_unread() -> None:
    """Ends as `dfer ... | head` expects: nobody reads on, which is no mistake."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for Python's last flush
    sys.exit(0)


def _leave(message: str, code: int) -> None:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(code)
