"""Folds as releases list them: each clip in one test list, training lists hold all the others."""

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Entry:
    """One clip of the lists: its test fold, from 1 on, and its label as the lists write it."""

    fold: int
    label: int | str


def compare_training_list(
    fold: int,
    train: Mapping[int, int | str],
    entries: Mapping[int, Entry],
    problems: list[str],
) -> None:
    """Checks that a training list is the union of the other folds' test lists.

    Args:
        fold: of the list.
        train: its labels by clip id.
        entries: of the test lists of all folds, by clip id.
        problems: receives a sentence for each clip that is not as it should be.
    """
    expected = {clip: entry.label for clip, entry in entries.items() if entry.fold != fold}
    where = f"the training list of fold {fold}"
    for clip in sorted(train.keys() | expected.keys()):
        if clip not in train:
            problems.append(f"clip {clip:05d} is absent from {where} but not in its test list")
        elif clip not in expected:
            place = "also in its test list" if clip in entries else "in no test list"
            problems.append(f"clip {clip:05d} is in {where} and {place}")
        elif train[clip] != expected[clip]:
            problems.append(
                f"clip {clip:05d} has label {train[clip]} in {where}, {expected[clip]} in the test "
                f"list of fold {entries[clip].fold}"
            )
