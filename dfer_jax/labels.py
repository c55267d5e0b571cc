"""The seven expressions: one canonical order, and the map into it from any data set's own names."""

import difflib
from collections.abc import Sequence

from dfer_jax.errors import UserError

CLASSES = ("happiness", "sadness", "neutral", "anger", "surprise", "disgust", "fear")
"""Canonical class order, that of the DFEW release (its labels 1..7 are this order, from one)."""

EXPRESSIONS = (*CLASSES, "other")
"""Of frames: the canonical seven keep their places; ABAW has `other` too from 2022 on."""

ACTION_UNITS = tuple(f"AU{unit}" for unit in (1, 2, 4, 6, 7, 10, 12, 15, 23, 24, 25, 26))
"""Of frames: the twelve action units of ABAW from 2021 on."""

_ALIASES = {
    "happiness": ("happy", "joy", "smile"),
    "sadness": ("sad",),
    "neutral": ("calm",),
    "anger": ("angry",),
    "surprise": ("surprised",),
    "disgust": ("disgusted",),
    "fear": ("fearful", "afraid"),
}
_TO_CLASS = {alias: name for name, aliases in _ALIASES.items() for alias in (name, *aliases)}


def canonical_name(name: str) -> str:
    """Returns the canonical class name of `name` ("Happy" -> "happiness").

    Raises:
        UserError: if the name is not a known expression; the closest known one is suggested.
    """
    key = name.strip().lower()
    if key not in _TO_CLASS:
        close = difflib.get_close_matches(key, _TO_CLASS, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise UserError(f"{name!r} is not one of the expressions {', '.join(CLASSES)}{hint}")
    return _TO_CLASS[key]


def canonical_indices(names: Sequence[str]) -> list[int]:
    """Returns for each of a data set's class names its index in `CLASSES`.

    Raises:
        UserError: if a name is unknown.
    """
    return [CLASSES.index(canonical_name(name)) for name in names]
