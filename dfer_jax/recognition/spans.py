"""Lengths of time as a person gives them: seconds (`0.5s`) or frames (`8`)."""

import dataclasses
import math
import re

from dfer_jax.errors import UserError

_FORM = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(s?)")
_ROUNDING = 1e-6  # seconds


@dataclasses.dataclass(frozen=True)
class Span:
    """A length in seconds, or in frames of the video.

    Attributes:
        value: above 0; whole in frames.
        in_seconds: which of the two.
    """

    value: float
    in_seconds: bool

    def between(self, first: tuple[int, float], second: tuple[int, float]) -> bool:
        """Whether two frames, each given as (number, seconds), are at least so far apart."""
        if self.in_seconds:
            return second[1] - first[1] >= self.value - _ROUNDING
        return second[0] - first[0] >= self.value

    def times(self, count: int) -> "Span":
        """Returns `count` such spans in a row."""
        return Span(self.value * count, self.in_seconds)

    @property
    def in_words(self) -> str:
        """The length for people."""
        return f"{self.value:g} {'s' if self.in_seconds else 'frames'}"

    def __str__(self) -> str:
        return f"{self.value:g}s" if self.in_seconds else f"{self.value:g}"


def parse(text: object, *, name: str) -> Span:
    """Returns the span that a text such as "0.5s" or "8" means.

    Args:
        text: a string; seconds with an s, else whole frames.
        name: of what is given, for the message.

    Raises:
        UserError: if it is neither, or not above 0.
    """
    if not isinstance(text, str):
        raise UserError(f"{name}={text} is a number; say which: '0.5s' in seconds, '8' in frames")
    match = _FORM.fullmatch(text.strip())
    value = float(match[1]) if match else math.nan
    if not match or not value or (not match[2] and value % 1):
        raise UserError(f"{name}={text} is no length; give seconds as 0.5s, or whole frames as 8")
    return Span(value, bool(match[2]))
