"""Reads MAFW's fold lists and checks them against each other.

A row of `no_caption/set_k/test.txt` is `00025.mp4 anger`, with line ends of Windows; spreadsheets
leave other separators, a header, or no zeros in front. The five test lists are disjoint; the
training list of a fold is the union of the other four test lists.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from dfer_jax.errors import UserError
from tfds_builders import archives
from tfds_builders.folds import Entry, compare_training_list
from tfds_builders.mafw import labels
from tfds_builders.mafw.release import FOLDS, Release
from tfds_builders.records import read_text

LAST_ID = 20098
_ROW = re.compile(r"\"?(?:\S*[/\\])?(\d{1,5})(?:\.\w+)?\"?[\s,;]+\"?([^\s,;\"]+)\"?", re.ASCII)
_HEADER = {"clip", "clip_id", "id", "video", "video_name", "name", "filename", "label", "labels"}


def read_folds(tree: Release, which: str, *, warnings: list[str]) -> dict[int, Entry]:
    """Returns fold and class of each clip id, ascending; whatever is wrong joins `tree.problems`.

    Args:
        tree: the walked release.
        which: `single` or `compound`.
        warnings: receives a line when training lists are absent and so cannot be compared.

    Raises:
        UserError: if the test list of a fold is absent.
    """
    absent = [fold for fold in FOLDS if (which, "test", fold) not in tree.lists]
    if absent:
        raise UserError(_lacking(tree, which, absent))
    known = len(tree.problems)
    tests = {fold: _read_one(tree, which, "test", fold) for fold in FOLDS}
    entries = _merge(tests, tree.problems)
    if len(tree.problems) > known:  # else every training list would look wrong
        return entries
    without_train = [fold for fold in FOLDS if (which, "train", fold) not in tree.lists]
    for fold in FOLDS:
        if fold not in without_train:
            train = _read_one(tree, which, "train", fold)
            compare_training_list(fold, train, entries, tree.problems)
    if without_train:
        folds = ", ".join(map(str, without_train))
        warnings.append(f"no training list of fold {folds}: not compared with the other test lists")
    return entries


def _lacking(tree: Release, which: str, folds: list[int]) -> str:
    names = ", ".join(f"{which}/no_caption/set_{fold}/test.txt" for fold in folds)
    held = ""
    if tree.captioned:
        held = " (the lists with captions lack every neutral clip and do not serve)"
    elif tree.numbered:
        held = " (lists of numbers do not serve, for three orders of the classes are in use)"
    elif tree.unplaced:
        first = tree.relative(min(tree.unplaced))
        held = f" ({first} lies below no folder 'single' or 'compound', so put it into one)"
    elif tree.labels:
        held = f" ({tree.relative(min(tree.labels))} has classes, but not the folds)"
    return (
        f"{tree.root} lacks MAFW's lists {names}{held}: put the release's folder "
        f"'Train & Test Set' there{archives.why_incomplete(tree.archives, tree)}"
    )


def _read_one(tree: Release, which: str, split: str, fold: int) -> dict[int, str]:
    """Reads the list of a split and fold; copies must say the same."""
    first, *copies = sorted(tree.lists[which, split, fold])
    rows = read_list(first, which=which, name=tree.relative(first), problems=tree.problems)
    for copy in copies:
        if read_list(copy, which=which, name=tree.relative(copy), problems=[]) != rows:
            tree.problems.append(
                f"{tree.relative(first)} and {tree.relative(copy)} are both the {split} list of "
                f"fold {fold} but differ: remove one"
            )
    return rows


def read_list(path: Path, *, which: str, name: str, problems: list[str]) -> dict[int, str]:
    """Returns the class by clip id of one list; wrong rows are left out and join `problems`."""
    try:
        text = read_text(path)
    except UserError as error:
        problems.append(f"{name}: cannot be read as a list ({error})")
        return {}
    rows: dict[int, str] = {}
    lines: dict[int, int] = {}
    for line, content in enumerate(text.splitlines(), 1):
        if not content.strip() or (line == 1 and _is_header(content)):
            continue
        clip, label, wrong = _parse(content.strip(), which)
        if not wrong and clip in rows:
            wrong = f"clip {clip:05d} is already in line {lines[clip]}"
        if wrong:
            problems.append(f"{name}, line {line}: {wrong}")
        else:
            rows[clip], lines[clip] = label, line
    if not rows and not problems:
        problems.append(f"{name}: the list is empty")
    return rows


def _is_header(content: str) -> bool:
    return set(re.split(r"[\s,;\"]+", content.strip(' "').lower())) <= _HEADER


def _parse(content: str, which: str) -> tuple[int, str, str]:
    """Returns clip id, class and what is wrong with the row (empty if nothing)."""
    match = _ROW.fullmatch(content)
    if not match:
        return -1, "", f"{content[:80]!r} is not a row such as '00025.mp4 anger'"
    clip, text = int(match[1]), match[2]
    if not 1 <= clip <= LAST_ID:
        return -1, "", f"unknown clip id {match[1]} (ids are 1..{LAST_ID})"
    label = labels.parse(text, compound=which == "compound")
    if label:
        return clip, label, ""
    if text.isdigit():
        return clip, "", f"label {text!r} is not one of the words: numbers have no fixed order"
    return clip, "", f"label {text[:80]!r} is not one of MAFW's {which} classes"


def _merge(tests: Mapping[int, Mapping[int, str]], problems: list[str]) -> dict[int, Entry]:
    """Joins the five test lists, ascending; a clip in two of them is a problem."""
    entries: dict[int, Entry] = {}
    for fold, rows in tests.items():
        for clip, label in rows.items():
            first = entries.setdefault(clip, Entry(fold, label))
            if first.fold != fold:
                problems.append(
                    f"clip {clip:05d} is in the test lists of folds {first.fold} and {fold}"
                )
    return dict(sorted(entries.items()))


def moved(first: Mapping[int, Entry], second: Mapping[int, Entry]) -> tuple[int, int]:
    """Returns how many clips two sets of folds share, and how many of them lie in another fold."""
    common = first.keys() & second.keys()
    return len(common), sum(first[clip].fold != second[clip].fold for clip in common)
