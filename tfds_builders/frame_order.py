"""Puts the files of a clip in order by their names: frame numbers, seconds, or time stamps.

An order that a name does not show is never guessed: where two numbers of the names change and do
not agree on the order, or a decimal number can be read in two ways, the folder is refused.
"""

import dataclasses
import decimal
import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import PurePath

_NUMBER = re.compile(r".*?(\d+)", re.ASCII | re.DOTALL)
_IN_BRACKETS = re.compile(r".*?[(\[]\s*(\d+)\s*[)\]]\s*", re.ASCII | re.DOTALL)
_SECONDS = re.compile(r"(.*?)(\d+)[.,](\d+)\s*(?:s|sec)?", re.ASCII | re.DOTALL)
_CLOCK = r"([01]\d|2[0-3])[-_.:h]{}([0-5]\d)[-_.:m]{}([0-5]\d)s?(?:[.,]?(\d+))?"
_STAMP = re.compile(
    r".*?(?<!\d)((?:19|20)\d\d)[-_.]?(0[1-9]|1[0-2])[-_.]?([0-2]\d|3[01])[-_ T.]*"
    + _CLOCK.format("?", "?")
    + r"(\D.*)?",
    re.ASCII | re.DOTALL,
)
_TIME = re.compile(r".*?(?<!\d)" + _CLOCK.format("", ""), re.ASCII | re.DOTALL)


@dataclasses.dataclass
class Order:
    """The files of a clip.

    Attributes:
        names: in the order of the frames.
        numbers: of the frames in the same order; none if the names hold times.
        wrong: why a file cannot be placed, by its name.
        unclear: why none can; empty otherwise.
    """

    names: list[str] = dataclasses.field(default_factory=list)
    numbers: list[int] = dataclasses.field(default_factory=list)
    wrong: dict[str, str] = dataclasses.field(default_factory=dict)
    unclear: str = ""


def order_frames(names: Sequence[str]) -> Order:
    """Returns file names in the order of the frames.

    Args:
        names: of the files of one folder, with suffixes.
    """
    stems = {name: PurePath(name).stem for name in names}
    stamps = _keys(stems, _stamp_key)
    if stamps and len({key[0] for key in stamps.values()}) > 1:
        return _by_key(stamps, "has the time of")
    seconds = {name: match for name, stem in stems.items() if (match := _SECONDS.fullmatch(stem))}
    if len(seconds) == len(names) > 1 and len({match[1] for match in seconds.values()}) == 1:
        ordered = _by_seconds(seconds)
        if ordered:
            return ordered
    unclear = _two_that_change(stems)
    if unclear and (times := _keys(stems, _time_key)):
        return _by_key(times, "has the time of")
    return Order(unclear=unclear) if unclear else _by_number(stems)


def _keys(
    stems: Mapping[str, str], key: Callable[[str], tuple[Hashable, ...] | None]
) -> dict[str, tuple[Hashable, ...]] | None:
    """Returns the key of every name; None if one has none."""
    keys = {name: key(stem) for name, stem in stems.items()}
    return None if None in keys.values() else keys


def _stamp_key(stem: str) -> tuple[Hashable, ...] | None:
    match = _STAMP.fullmatch(stem)
    if match is None:
        return None
    *moment, fraction, rest = match.groups()
    return (
        tuple(map(int, moment)),
        decimal.Decimal(f"0.{fraction or 0}"),
        tuple(map(int, re.findall(r"\d+", rest or "", re.ASCII))),  # of pictures in one second
    )


def _time_key(stem: str) -> tuple[Hashable, ...] | None:
    match = _TIME.fullmatch(stem)
    if match is None:
        return None
    *moment, fraction = match.groups()
    return tuple(map(int, moment)), decimal.Decimal(f"0.{fraction or 0}")


def _by_key(keys: Mapping[str, tuple[Hashable, ...]], same: str) -> Order:
    ordered, first = Order(), {}
    for name in sorted(keys, key=lambda name: (keys[name], name)):
        earlier = first.setdefault(keys[name], name)
        if earlier == name:
            ordered.names.append(name)
        else:
            ordered.wrong[name] = f"{same} {earlier}"
    return ordered


def _by_seconds(matches: Mapping[str, re.Match[str]]) -> Order | None:
    """Orders decimal numbers; None if they can as well be taken as numbers behind a dot."""
    fractions = [match[3] for match in matches.values()]
    one_width = len({len(fraction) for fraction in fractions}) == 1
    wholes = {match[2] for match in matches.values()}
    one_whole = len(wholes) == 1
    if one_width and one_whole and wholes != {"0"}:  # take1.0001
        return None
    counts_up = any(len(text) > 1 and text.endswith("0") for text in fractions)
    if not one_width and (counts_up or (one_whole and not any(f[0] == "0" for f in fractions))):
        shown = sorted(matches, key=lambda name: len(matches[name][3]))
        return Order(
            unclear=f"whether {shown[0]} comes before {shown[-1]} is not clear; write the numbers "
            "with the same number of digits behind the dot"
        )
    keys = {name: (decimal.Decimal(f"{m[2]}.{m[3]}"),) for name, m in matches.items()}
    return _by_key(keys, "has the time of")


def _two_that_change(stems: Mapping[str, str]) -> str:
    """Returns why the last number does not order the files, where another one disagrees."""
    runs = {name: re.findall(r"\d+", stem, re.ASCII) for name, stem in stems.items()}
    if not runs or len({len(found) for found in runs.values()}) > 1:
        return ""
    names = sorted(runs, key=lambda name: [int(run) for run in runs[name][::-1]])
    for place in range(len(runs[names[0]]) - 1):
        column = [int(runs[name][place]) for name in names]
        falls = next((at for at in range(1, len(column)) if column[at] < column[at - 1]), 0)
        if falls:
            return (
                f"which number orders its files is not clear, two change as in {names[falls - 1]} "
                f"and {names[falls]}; keep one series, or rename them: one number has to count the "
                "frames"
            )
    return ""


def _by_number(stems: Mapping[str, str]) -> Order:
    ordered, numbered = Order(), {}
    # Brackets around the number of only some files are those of copies.
    brackets = all(_IN_BRACKETS.fullmatch(stem) for stem in stems.values())
    for name, stem in stems.items():
        match = (_IN_BRACKETS if brackets else _NUMBER).fullmatch(stem)
        if match is None:
            ordered.wrong[name] = "has no frame number at the end of its name"
        elif int(match[1]) in numbered:
            ordered.wrong[name] = f"has the frame number of {numbered[int(match[1])]}"
        else:
            numbered[int(match[1])] = name
    ordered.numbers = sorted(numbered)
    ordered.names = [numbered[number] for number in ordered.numbers]
    return ordered
