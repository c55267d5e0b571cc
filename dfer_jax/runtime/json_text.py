"""Reads JSON text that anybody may have written or damaged: every refusal is a `ValueError`."""

import json
import sys
from typing import Any

_DEEPEST = 200  # brackets within brackets; files of this program have six


def parse_json(text: str) -> Any:
    """Returns the value of a JSON text.

    Raises:
        ValueError: in plain words, if it is not JSON, nested beyond reason, or has a number of
            more digits than Python reads.
    """
    if not text.strip("\0 \t\r\n"):
        raise ValueError("it holds nothing" if not text else "it holds only zeros or blanks")
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"{error.msg} at {where}".replace("'", "")) from error
    except ValueError as error:  # of an integer, the one other thing that fails
        most = sys.get_int_max_str_digits()
        raise ValueError(f"it has a number of more than {most} digits") from error
    if _is_deeper_than(value, _DEEPEST):
        raise ValueError("it is nested too deeply")
    return value


def parse_object(text: str) -> dict[str, Any]:
    """Returns what `parse_json` does, of a text that must hold an object.

    Raises:
        ValueError: also if it holds something else.
    """
    value = parse_json(text)
    if not isinstance(value, dict):
        raise ValueError("it holds no object {...}")
    return value


def _is_deeper_than(value: Any, most: int) -> bool:
    """Whether lists and objects lie deeper in each other than `most`; does not recurse itself."""
    level = [value]
    for _ in range(most):
        children = [
            list(v.values()) if isinstance(v, dict) else v
            for v in level
            if isinstance(v, dict | list)
        ]
        if not children:
            return False
        level = [child for group in children for child in group]
    return True
