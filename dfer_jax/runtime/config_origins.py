"""Where each value of a config was set: the file and line that assigned it last."""

import contextlib
import os
import sys
import types
import typing
from collections.abc import Iterator
from typing import Any

import ml_collections

_LIBRARY = os.path.dirname(ml_collections.__file__)


class Origins:
    """The assignments that were made while they were recorded."""

    def __init__(self) -> None:
        """Knows of no assignment."""
        self._places: dict[tuple[int, str], str] = {}
        self._kept: list[ml_collections.ConfigDict] = []  # or an id would be given again

    def note(self, config: ml_collections.ConfigDict, field: str, place: str) -> None:
        """Remembers that a field of one of the config's levels was set at a place."""
        self._kept.append(config)
        self._places[id(config), field] = place

    def of(self, config: ml_collections.ConfigDict) -> dict[str, str]:
        """Returns the place of each value, by dotted name, as `leaves` has them."""
        return dict(self._walk(config, "", "unknown"))

    def _walk(
        self, config: ml_collections.ConfigDict, prefix: str, above: str
    ) -> Iterator[tuple[str, str]]:
        """Yields names and places; what came as part of a level was set where that was."""
        for field, value in config.items():
            place = self._places.get((id(config), field), above)
            if _has_leaves(value):
                yield from self._walk(value, f"{prefix}{field}.", place)
            else:
                yield f"{prefix}{field}", place


@contextlib.contextmanager
def recorded() -> Iterator[Origins]:
    """Records each assignment to a field of any config; `path:line` is the caller's."""
    origins = Origins()
    assign = ml_collections.ConfigDict.__setitem__

    @typing.no_type_check  # a checker would stand between this frame and the caller's
    def assign_and_note(self: ml_collections.ConfigDict, field: str, value: Any) -> None:
        refers = isinstance(value, ml_collections.FieldReference) and field in self
        same = refers and not value.empty() and value.get() is self[field]  # by get_ref
        assign(self, field, value)
        if not same:
            origins.note(self, field, _place(sys._getframe(1)))

    ml_collections.ConfigDict.__setitem__ = assign_and_note
    try:
        yield origins
    finally:
        ml_collections.ConfigDict.__setitem__ = assign


def leaves(config: ml_collections.ConfigDict, prefix: str = "") -> dict[str, Any]:
    """Returns the values by dotted name, references resolved; an empty level is a value."""
    found = {}
    for field, value in config.items():
        if _has_leaves(value):
            found |= leaves(value, f"{prefix}{field}.")
        else:
            found[f"{prefix}{field}"] = value
    return found


def _has_leaves(value: object) -> bool:
    return isinstance(value, ml_collections.ConfigDict) and len(value) > 0


def _place(frame: types.FrameType) -> str:
    """Returns where a frame stands, or the one that led to it from outside library and recorder."""
    while frame.f_back and frame.f_code.co_filename.startswith((_LIBRARY, __file__)):
        frame = frame.f_back
    path = os.path.abspath(frame.f_code.co_filename)
    shown = os.path.relpath(path)
    return f"{path if shown.startswith(os.pardir) else shown}:{frame.f_lineno}"
