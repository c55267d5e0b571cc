import pytest

from dfer_jax.runtime.json_text import parse_json, parse_object


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it holds nothing"),
        ("\0" * 512, "it holds only zeros or blanks"),
        ("[" * 10_000 + "]" * 10_000, "it is nested too deeply"),
        ("[" * 500 + "]" * 500, "it is nested too deeply"),
        ('{"a":' * 10_000 + "1" + "}" * 10_000, "it is nested too deeply"),
        ("9" * 5_000, "it has a number of more than 4300 digits"),
        ('{"a": 1', "delimiter at line 1, column 8"),
        ("[1]", "it holds no object"),
        ("null", "it holds no object"),
    ],
    ids=lambda value: value[:20],
)
def test_every_refusal_says_why_in_plain_words(text, reason):
    with pytest.raises(ValueError, match=reason):
        parse_object(text)


def test_what_is_json_is_read():
    assert parse_json('{"a": [1, {"b": null}]}') == {"a": [1, {"b": None}]}
