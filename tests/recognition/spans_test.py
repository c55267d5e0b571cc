"""Lengths in seconds and in frames."""

import pytest

from dfer_jax.errors import UserError
from dfer_jax.recognition import spans


@pytest.mark.parametrize(
    ("text", "value", "in_seconds"),
    [("0.5s", 0.5, True), ("2 s", 2.0, True), ("8", 8.0, False), (".25s", 0.25, True)],
)
def test_seconds_have_an_s_and_frames_none(text, value, in_seconds):
    assert spans.parse(text, name="x") == spans.Span(value, in_seconds)


@pytest.mark.parametrize("text", ["", "s", "0", "0s", "-1", "1.5", "1m", "8 frames", "nan"])
def test_anything_else_is_refused_with_both_forms(text):
    with pytest.raises(UserError, match=r"--stride=.* is no length; give seconds as 0.5s, or"):
        spans.parse(text, name="--stride")


@pytest.mark.parametrize("number", [0.5, 16])
def test_a_bare_number_is_asked_which_it_is(number):
    with pytest.raises(UserError, match=rf"window={number} is a number; say which: '0.5s' in"):
        spans.parse(number, name="window")
