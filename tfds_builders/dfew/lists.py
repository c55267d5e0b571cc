"""Reads DFEW's split lists and checks them against each other.

`set_k.csv` has the header `video_name,label`; names are clip ids 1..16372 without padding, labels
are 1 happiness, 2 sadness, 3 neutral, 4 anger, 5 surprise, 6 disgust, 7 fear. The five test lists
are disjoint; the training list of a fold is the union of the other four test lists.
"""

import csv
import re
from collections.abc import Mapping
from pathlib import Path

from dfer_jax.errors import UserError
from tfds_builders.dfew.release import FOLDS, Release, why_incomplete
from tfds_builders.folds import Entry, compare_training_list

NUM_LABELS = 7
LAST_ID = 16372
"""Clips are numbered 1..16372 (Jiang et al. 2020, release README)."""
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
_HEADER = ("video_name", "label")


def read_folds(tree: Release, *, warnings: list[str]) -> dict[int, Entry]:
    """Returns fold and label of each clip id, ascending; whatever is wrong joins `tree.problems`.

    Args:
        tree: the walked release.
        warnings: receives a line when training lists are absent and so cannot be compared.

    Raises:
        UserError: if the test list of a fold is absent.
    """
    absent = [fold for fold in FOLDS if ("test", fold) not in tree.lists]
    if absent:
        names = ", ".join(f"set_{fold}.csv" for fold in absent)
        raise UserError(
            f"{tree.root} lacks DFEW's test lists {names}: extract EmoLabel_DataSplit/"
            f"test(single_labeled).zip there{why_incomplete(tree)}"
        )
    known = len(tree.problems)
    tests = {fold: _read_one(tree, "test", fold) for fold in FOLDS}
    entries = _merge(tests, tree.problems)
    tests_sound = len(tree.problems) == known  # else every training list would look wrong
    without_train = []
    for fold in FOLDS:
        if ("train", fold) not in tree.lists:
            without_train.append(fold)
            continue
        known = len(tree.problems)
        train = _read_one(tree, "train", fold)
        if tests_sound and len(tree.problems) == known:
            compare_training_list(fold, train, entries, tree.problems)
    if without_train:
        folds = ", ".join(map(str, without_train))
        warnings.append(f"no training list of fold {folds}: not compared with the other test lists")
    return dict(sorted(entries.items()))


def _read_one(tree: Release, split: str, fold: int) -> dict[int, int]:
    """Reads the list of a split and fold; copies must be equal."""
    first, *copies = tree.lists[split, fold]
    rows = read_list(first, name=tree.relative(first), problems=tree.problems)
    for copy in copies:
        if copy.read_bytes() != first.read_bytes():
            tree.problems.append(
                f"{tree.relative(first)} and {tree.relative(copy)} are both the {split} list of "
                f"fold {fold} but differ: remove one"
            )
    return rows


def read_list(path: Path, *, name: str, problems: list[str]) -> dict[int, int]:
    """Returns label (1..7) by clip id of one list; wrong rows are left out and join `problems`."""
    try:
        text = path.read_text(encoding="utf-8-sig").splitlines()
        lines_used = [line for line, content in enumerate(text, 1) if content.strip()]
        rows_used = csv.reader([text[line - 1] for line in lines_used], strict=True)
        table = list(zip(lines_used, rows_used, strict=True))
    except (OSError, ValueError, csv.Error) as error:
        problems.append(f"{name}: cannot be read as a table ({error})")
        return {}
    header = tuple(cell.strip().lower() for cell in table[0][1]) if table else ()
    if header != _HEADER:
        problems.append(f"{name}: the first line must be 'video_name,label'")
        return {}
    rows: dict[int, int] = {}
    lines: dict[int, int] = {}
    zeros = []
    for line, row in table[1:]:
        clip, label, wrong = _parse(row)
        if not wrong and clip in rows:
            wrong = f"clip {clip:05d} is already in line {lines[clip]}"
            if rows[clip] != label:
                wrong += f" with label {rows[clip]}, here {label}"
        if label == 0:
            zeros.append(f"{name}, line {line}: {wrong}")
        elif wrong:
            problems.append(f"{name}, line {line}: {wrong}")
        else:
            rows[clip], lines[clip] = label, line
    if zeros:
        more = f"; {len(zeros) - 1:,} more labels here are 0" if len(zeros) > 1 else ""
        problems.append(f"{zeros[0]}{more}: lists that count from 0 are not the released ones")
    return rows


def _parse(row: list[str]) -> tuple[int, int, str]:
    """Returns clip id, label and what is wrong with the row (empty if nothing)."""
    cells = [cell.strip() for cell in row]
    if len(cells) != 2:
        return -1, -1, f"{len(cells)} columns where there should be 2"
    clip, label = (int(cell) if _NUMBER.fullmatch(cell) else -1 for cell in cells)
    if not 1 <= clip <= LAST_ID:
        return -1, -1, f"unknown clip id {cells[0][:80]!r} (ids are 1..{LAST_ID})"
    if not 1 <= label <= NUM_LABELS:
        name = cells[1][:80]
        return clip, label, f"label {name!r} of clip {clip:05d} is not one of 1..{NUM_LABELS}"
    return clip, label, ""


def _merge(tests: Mapping[int, Mapping[int, int]], problems: list[str]) -> dict[int, Entry]:
    """Joins the five test lists; a clip in two of them is a problem."""
    entries: dict[int, Entry] = {}
    for fold, rows in tests.items():
        for clip, label in rows.items():
            first = entries.setdefault(clip, Entry(fold, label))
            if first.fold != fold:
                differ = f" with labels {first.label} and {label}" if first.label != label else ""
                problems.append(
                    f"clip {clip:05d} is in the test lists of folds {first.fold} and {fold}{differ}"
                )
    return entries
