"""Errors meant for people: one sentence saying what is wrong, where, and what to do."""

import sys
from collections.abc import Callable, Sequence

from absl import app


class UserError(Exception):
    """A mistake in the user's input; its message is all the user sees, without a traceback."""


def run(main: Callable[[list[str]], None]) -> None:
    """Runs `main` under absl; a `UserError` becomes one line on stderr and exit code 1."""

    def guarded(argv: list[str]) -> None:
        try:
            main(argv)
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(1)

    app.run(guarded)


def list_some(items: Sequence[object], *, most: int = 20) -> str:
    """Returns the first `most` items, one a line, and how many more there are."""
    lines = [f"  {item}" for item in items[:most]]
    if len(items) > most:
        lines.append(f"  ... and {len(items) - most} more")
    return "\n".join(lines)
