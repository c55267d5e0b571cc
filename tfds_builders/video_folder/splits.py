"""Divides clips into train and test by whole groups, and checks a division that the user made."""

import collections
import dataclasses
import decimal
import hashlib
import re
from collections.abc import Mapping, Sequence

import numpy as np

from dfer_jax.errors import list_some
from dfer_jax.labels import in_class_order
from tfds_builders.video_folder.table import Row

TEST_SHARE = 0.2
FEW_TEST_CLIPS = 30
"""With fewer, a score is uncertain by 18 points or more."""

_NUMBER = re.compile(r"\d+(?:[.,]\d+)?", re.ASCII)


def group_of(row: Row) -> str:
    """Returns the group a row belongs to, upper and lower case alike; without one, itself."""
    return f"group {row.group.casefold()}" if row.group else f"clip {row.path}"


def equal_numbers_alike(rows: Sequence[Row]) -> tuple[list[Row], list[str]]:
    """Writes groups that are the same number (`1`, `01`, `1.0`) as the first of them is written.

    Returns:
        the rows, and a sentence that says so if there are any.
    """
    written: dict[decimal.Decimal, list[str]] = {}
    for row in rows:
        if _NUMBER.fullmatch(row.group):
            forms = written.setdefault(_value(row.group), [])
            forms += [row.group] * (row.group not in forms)
    several = [forms for forms in written.values() if len(forms) > 1]
    if not several:
        return list(rows), []
    first = {form: forms[0] for forms in several for form in forms}
    shown = "; ".join(" = ".join(forms) for forms in several[:5]) + "; ..." * (len(several) > 5)
    told = (
        f"{len(several):,} groups are one number written in several ways ({shown}) and count as "
        "one group each; if they are different persons, name them by words"
    )
    rows = [dataclasses.replace(row, group=first.get(row.group, row.group)) for row in rows]
    return rows, [told]


def _value(number: str) -> decimal.Decimal:
    return decimal.Decimal(number.replace(",", "."))


def divide(rows: Sequence[Row]) -> dict[str, str]:
    """Returns "train" or "test" for each group, about 80/20 of the clips of every class.

    One group after another goes to test, each time the one that per clip brings the numbers of test
    clips closest to `TEST_SHARE` of every class (by the sum of squared differences), until none
    does; among equals the hash of the name decides. There is no chance in it.

    Args:
        rows: the clips.
    """
    names = sorted({group_of(row) for row in rows}, key=_hash)
    place = {name: at for at, name in enumerate(names)}
    classes = {label: at for at, label in enumerate(in_class_order(row.label for row in rows))}
    clips = np.zeros((len(names), len(classes)))  # of each group and class
    for row in rows:
        clips[place[group_of(row)], classes[row.label]] += 1
    size, squares = clips.sum(1), (clips**2).sum(1)
    lacking = TEST_SHARE * clips.sum(0)
    free = np.ones(len(names), bool)
    while free.any():
        # by how much |lacking|^2 falls, per clip
        gain = np.where(free, (2 * (clips * lacking).sum(1) - squares) / size, -np.inf)
        best = int(gain.argmax())
        if gain[best] <= 0:
            break
        free[best] = False
        lacking -= clips[best]
    return {name: "train" if left else "test" for name, left in zip(names, free, strict=True)}


def _hash(name: str) -> bytes:
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()


def notice(rows: Sequence[Row], division: Mapping[int, str]) -> str:
    """Returns what `divide` did, in words; `division` holds the split of each row by its line."""
    unit = "group" if any(row.group for row in rows) else "clip"
    counts = collections.Counter(division[row.line] for row in rows)
    shares = [f"{counts[split]:,} ({counts[split] / len(rows):.0%})" for split in ("train", "test")]
    return (
        f"The table has no split: {shares[0]} of its {len(rows):,} clips went to train and "
        f"{shares[1]} to test, {unit} by {unit}, always in the same way; {1 - TEST_SHARE:.0%} and "
        f"{TEST_SHARE:.0%} of each class were aimed at."
    )


def few_test_clips(counts: Mapping[str, collections.Counter[str]]) -> list[str]:
    """Returns a warning if there are so few test clips that a score of them says little."""
    number = counts["test"].total()
    if number >= FEW_TEST_CLIPS:
        return []
    points = round(98 / number**0.5)  # 1.96 standard errors of a share of one half
    clips = "only 1 test clip" if number == 1 else f"only {number} test clips"
    return [
        f"{clips}: a score on so few measures next to nothing (95 % interval up to +-{points} "
        f"points); add test clips, at least {FEW_TEST_CLIPS}"
    ]


def groups_in_several_splits(rows: Sequence[Row]) -> list[str]:
    """Returns a problem for each group that the user's splits divide."""
    found: dict[str, dict[str, list[Row]]] = {}
    for row in rows:
        if row.group:
            found.setdefault(group_of(row), {}).setdefault(row.split, []).append(row)
    return [
        f"group {next(iter(splits.values()))[0].group!r} is in several splits: "
        + ", ".join(f"{split} (lines {_lines(members)})" for split, members in splits.items())
        for splits in found.values()
        if len(splits) > 1
    ]


def _lines(rows: Sequence[Row]) -> str:
    numbers = [str(row.line) for row in rows[:5]]
    return ", ".join(numbers) + ", ..." * (len(rows) > 5)


def unusable(counts: dict[str, collections.Counter[str]], *, divided: bool) -> list[str]:
    """Returns why the clips cannot be trained on and tested with, if they cannot.

    Args:
        counts: clips per class by split.
        divided: whether the division is `divide`'s, not the user's.
    """
    labels = {label for split in counts.values() for label in split}
    if len(labels) == 1:
        return [f"every clip is labelled {labels.pop()}; a classifier needs at least two classes"]
    problems = []
    for split in ("train", "test"):
        if counts.get(split):
            continue
        if divided:
            problems.append(
                f"too few groups or clips to set some aside for {split}; add clips, or divide them "
                "by a column 'split' with train and test"
            )
        else:
            problems.append(f"no row has the split {split}; every clip is in {', '.join(counts)}")
    if not problems and len(counts["train"]) == 1:
        problems.append(f"every training clip is labelled {next(iter(counts['train']))}")
    return problems


def uneven_classes(counts: dict[str, collections.Counter[str]]) -> list[str]:
    """Returns a warning for classes that a split lacks although another has them."""
    train, test = counts["train"], counts["test"]
    warnings = []
    never_seen = in_class_order({name for split in counts.values() for name in split} - set(train))
    if never_seen:
        warnings.append(
            f"no training clip of {', '.join(never_seen)}, only test or validation clips: the "
            "model cannot learn it"
        )
    untested = in_class_order(set(train) - set(test))
    if untested:
        warnings.append(f"no test clip of {', '.join(untested)}: how well it is told is not known")
    return warnings


def leaks(rows: Sequence[Row]) -> list[str]:
    """Returns a warning if persons or films may be on both sides of the division unnoticed."""
    without = [row for row in rows if not row.group]
    if not without:
        return []
    if len(without) == len(rows):
        start = "the table has no group"
    else:
        lines = list_some([f"line {row.line}: {row.path}" for row in without])
        start = f"{len(without):,} clips have no group:\n{lines}\n "
    return [
        f"{start}, so clips of one person or film may be on both sides, which makes results look "
        "better than they are; a column 'group' that names the person or film prevents it"
    ]
