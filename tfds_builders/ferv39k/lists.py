"""Reads FERV39k's two split lists and checks them against each other.

`train_All.csv` and `test_All.csv` have no header and, despite their suffix, no comma: a row is
`Action/Happy/0267 Happy`, the clip's folder (scene, class, number) and its label.
"""

import collections
import dataclasses
import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from dfer_jax.errors import UserError
from dfer_jax.labels import canonical_name
from tfds_builders.ferv39k.release import Release, why_incomplete
from tfds_builders.ferv39k.scenes import SCENES, SPLITS, WORDS

# No part holds white space or a comma, so a file saved with commas or tabs reads the same.
_ROW = re.compile(
    r"(?P<scene>[^/\s,]+)/(?P<word>[^/\s,]+)/(?P<number>\d{4})[\s,]+(?P<label>[^\s,]+)", re.ASCII
)


@dataclasses.dataclass(frozen=True)
class Entry:
    """One clip of the lists: its split, scene, class folder and number there."""

    split: str
    scene: str
    word: str
    number: int

    @property
    def clip_id(self) -> str:
        """The clip's folder, as the lists and the data set name it."""
        return f"{self.scene}/{self.word}/{self.number:04d}"

    @property
    def label(self) -> str:
        """Its class, a name in `labels.CLASSES`."""
        return canonical_name(self.word)


def read_splits(tree: Release) -> dict[str, Entry]:
    """Returns the listed clips by id, ascending; whatever is wrong joins `tree.problems`.

    Args:
        tree: the walked release.

    Raises:
        UserError: if a list is absent.
    """
    absent = [f"{split}_All.csv" for split in SPLITS if not tree.lists.get(split)]
    if absent:
        raise UserError(
            f"{tree.root} lacks FERV39k's {' and '.join(absent)}: extract 4_setups there"
            f"{why_incomplete(tree)}"
        )
    entries: dict[str, Entry] = {}
    for split in SPLITS:
        for clip_id, entry in _read_one(tree, split).items():
            first = entries.setdefault(clip_id, entry)
            if first.split != split:
                tree.problems.append(f"clip {clip_id} is in the lists of {first.split} and {split}")
    return dict(sorted(entries.items()))


def _read_one(tree: Release, split: str) -> dict[str, Entry]:
    """Reads the list of a split; copies must be equal."""
    first, *copies = tree.lists[split]
    for copy in copies:
        if copy.read_bytes() != first.read_bytes():
            tree.problems.append(
                f"{tree.relative(first)} and {tree.relative(copy)} are both the list of {split} "
                "but differ: remove one"
            )
    return read_list(first, split=split, name=tree.relative(first), problems=tree.problems)


def read_list(path: Path, *, split: str, name: str, problems: list[str]) -> dict[str, Entry]:
    """Returns the clips of one list by id; wrong rows are left out and join `problems`."""
    try:
        text = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        problems.append(f"{name}: cannot be read as text ({error})")
        return {}
    entries: dict[str, Entry] = {}
    lines: dict[str, int] = {}
    for line, row in enumerate(text, 1):
        if not row.strip():
            continue
        entry, wrong = _parse(row.strip(), split)
        if entry and entry.clip_id in lines:
            twice = f"clip {entry.clip_id} is already in line {lines[entry.clip_id]}"
            wrong = f"{twice}; {wrong}" if wrong else twice
        elif entry:
            lines[entry.clip_id] = line
        if wrong:
            problems.append(f"{name}, line {line}: {wrong}")
        else:
            entries[entry.clip_id] = entry
    if not lines:
        problems.append(f"{name}: no row names a clip")
    return entries


def _parse(row: str, split: str) -> tuple[Entry | None, str]:
    """Returns the clip a row names, if it does, and what is wrong with the row, or nothing."""
    match = _ROW.fullmatch(row)
    if match is None:
        return None, f"{row[:80]!r} is not a row as 'Action/Happy/0267 Happy'"
    for kind, given, known in (("scene", match["scene"], SCENES), ("class", match["word"], WORDS)):
        if given not in known:
            close = difflib.get_close_matches(given, known, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            return None, f"unknown {kind} {given!r} in {row[:80]!r}{hint}"
    entry = Entry(split, match["scene"], match["word"], int(match["number"]))
    try:
        label = canonical_name(match["label"])
    except UserError as error:
        return entry, str(error)
    if label != entry.label:
        return entry, f"label {match['label']!r} of clip {entry.clip_id}, a folder of {entry.word}"
    return entry, ""


def unlisted_numbers(entries: Mapping[str, Entry]) -> Sequence[str]:
    """Returns the ids that neither list has although a later number of their folder is listed.

    In the release the clips of each scene and class are numbered from 0000 without gaps over both
    lists, so a gap is a lost row: readers that expect a header lose the first one.
    """
    numbers: dict[tuple[str, str], set[int]] = collections.defaultdict(set)
    for entry in entries.values():
        numbers[entry.scene, entry.word].add(entry.number)
    return [
        f"{scene}/{word}/{number:04d}"
        for (scene, word), listed in sorted(numbers.items())
        for number in sorted(set(range(max(listed))) - listed)
    ]
