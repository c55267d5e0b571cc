"""Makes the classes of a data set out of the words in the column `label`.

The words are the classes. Synonyms of the canonical seven are counted as one only where every word
is of the seven, or where the user states the classes; whatever is counted as another word is told.
A word that looks like a slip of the pen is asked about, never mended.
"""

import collections
import dataclasses
import difflib
from collections.abc import Iterable, Mapping, Sequence

from dfer_jax.errors import UserError
from dfer_jax.labels import CLASS_ORDER, CLASSES, class_name, in_class_order, nearest_word
from tfds_builders.records import plain
from tfds_builders.video_folder.table import Row

_RARE = 10  # times less often than the word it resembles: a slip of the pen
_NEAR = 0.8  # difflib's ratio
_KNOWN_WORDS = (*CLASSES, "happy", "sad", "angry", "surprised", "disgusted", "fearful", "afraid")
_NUMBERS = "write the names of the classes, or state them as names, as by --classes "


@dataclasses.dataclass
class Labelled:
    """The rows with their classes.

    Attributes:
        rows: those whose label is a class.
        names: the classes, in their order.
        problems: a sentence for each word that cannot be used.
        warnings: what is worth a look.
        notes: what was counted as what.
        words: the class of each word that is written otherwise.
    """

    rows: list[Row]
    names: tuple[str, ...]
    problems: list[str] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
    words: dict[str, str] = dataclasses.field(default_factory=dict)


def require_classes(stated: Sequence[str]) -> tuple[str, ...]:
    """Returns the classes that the user states, as they are written in tables.

    Raises:
        UserError: if one is empty or there twice, or they are fewer than two.
    """
    names = tuple(plain(name) for name in stated)
    folded = [name.casefold() for name in names]
    twice = next(
        (name for name, key in zip(names, folded, strict=True) if folded.count(key) > 1), ""
    )
    if twice:
        raise UserError(f"--classes names {twice!r} twice; name each class once")
    if len(names) < 2 or "" in names:
        raise UserError(
            f"--classes {','.join(names)}: give two classes or more, with commas between, as in "
            "--classes pain,none"
        )
    return names


def label_rows(rows: Sequence[Row], *, table: str, stated: Sequence[str] = ()) -> Labelled:
    """Gives each row its class.

    Args:
        rows: with the words of the table as labels.
        table: its name, for messages.
        stated: the classes in their order, if the user stated them; else those of the table,
            canonical names first in canonical order, then the others by name.
    """
    lines: dict[str, list[int]] = {}
    for row in rows:
        lines.setdefault(row.label, []).append(row.line)
    wrong = _wrong_words(lines, stated)
    usable = [word for word in lines if word not in wrong]
    if stated:
        of_word, names = _of_stated(usable, stated), tuple(stated)
        wrong |= {
            word: f"label {word!r} is not one of the classes stated, {', '.join(stated)}"
            for word in usable
            if word not in of_word
        }
    else:
        of_word = _of_table({word: len(lines[word]) for word in usable})
        names = in_class_order(of_word.values())
    labelled = Labelled(
        [dataclasses.replace(r, label=of_word[r.label]) for r in rows if r.label in of_word], names
    )
    labelled.problems = [f"{table}, {_lines(lines[word])}: {why}" for word, why in wrong.items()]
    labelled.words = {word: name for word, name in of_word.items() if word != name}
    _tell(labelled, stated, table)
    return labelled


def _of_stated(words: Iterable[str], stated: Sequence[str]) -> dict[str, str]:
    """Returns the stated class of each word: of this name, or the only one that means the same."""
    by_name = {name.casefold(): name for name in stated}
    of_word = {}
    for word in words:
        same = [
            name for name in stated if class_name(word) and class_name(word) == class_name(name)
        ]
        if word.casefold() in by_name:
            of_word[word] = by_name[word.casefold()]
        elif len(same) == 1:
            of_word[word] = same[0]
    return of_word


def _of_table(counts: Mapping[str, int]) -> dict[str, str]:
    """Returns the class of each word.

    If all mean one of the seven, that; else the word, in the case in which it is written most.
    """
    meanings = {word: class_name(word) for word in counts}
    if all(meaning in CLASSES for meaning in meanings.values()):
        return meanings
    spelling: dict[str, str] = {name: name for name in CLASS_ORDER}
    for word in sorted(counts, key=lambda word: (-counts[word], word)):
        spelling.setdefault(word.casefold(), word)
    return {word: spelling[word.casefold()] for word in counts}


def _wrong_words(lines: Mapping[str, Sequence[int]], stated: Sequence[str]) -> dict[str, str]:
    """Returns for each word that cannot be a class the reason."""
    by_stated = {name.casefold() for name in stated}
    unclear = [word for word in lines if word.casefold() not in by_stated]
    wrong = {}
    numbers = sorted((word for word in unclear if _is_number(word)), key=float)
    for word in numbers:
        wrong[word] = f"the label is the number {word}; {_NUMBERS}{','.join(numbers)}"
    if not stated:
        known = {word: len(where) for word, where in lines.items() if word not in wrong}
        for word in known:
            if near := _meant(word, known):
                wrong[word] = (
                    f"label {word!r} is close to {near!r}; mend it, or state all classes by "
                    "--classes if it is one"
                )
    return wrong


def _is_number(word: str) -> bool:
    return word.isascii() and word.lstrip("+-").replace(".", "", 1).isdecimal()


def _meant(word: str, counts: Mapping[str, int]) -> str | None:
    """Returns the word that one is probably a slip of; None if it may well be meant as it is."""
    others = [other for other in counts if other.casefold() != word.casefold()]
    often = [other for other in others if counts[other] >= _RARE * counts[word]]
    if all(class_name(other) in CLASSES for other in others):
        often = [*others, *_KNOWN_WORDS]
    near = nearest_word(word, {other.casefold() for other in (*often, *others)})
    return near if near in {other.casefold() for other in often} and _is_slip(word, near) else None


def _is_slip(word: str, near: str) -> bool:
    """Whether two words differ as by a slip: within one part, not by a number or a new start."""
    left, right = word.casefold().split(), near.split()
    differing = [pair for pair in zip(left, right, strict=False) if pair[0] != pair[1]]
    if len(left) != len(right) or len(differing) != 1:
        return False
    one, other = differing[0]
    digits = [[character for character in part if character.isdigit()] for part in (one, other)]
    return (
        digits[0] == digits[1]
        and not one.endswith(other)
        and not other.endswith(one)
        and difflib.SequenceMatcher(None, one, other).ratio() >= _NEAR
    )


def _tell(labelled: Labelled, stated: Sequence[str], table: str) -> None:
    """Adds what was counted as what, synonyms that stay apart, and classes without clips."""
    words = collections.defaultdict(list)
    for word, name in labelled.words.items():
        words[name].append(word)
    if words:
        told = [f"{', '.join(sorted(words[n]))} as {n}" for n in labelled.names if n in words]
        labelled.notes.append(f"Labels of {table} are counted by their meaning: {'; '.join(told)}.")
    meanings = collections.defaultdict(list)
    for name in labelled.names:
        meanings[class_name(name) or name].append(name)
    for same in meanings.values():
        if len(same) > 1:
            labelled.warnings.append(
                f"{table}: {' and '.join(same)} mean the same and are counted as "
                f"{len(same)} classes, because not all classes are of the seven; to count them as "
                "one, state the classes by --classes with one of them"
            )
    there = {row.label for row in labelled.rows}
    if without := [name for name in stated if name not in there]:
        labelled.warnings.append(f"{table}: no clip is labelled {', '.join(without)}")


def _lines(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return f"line {numbers[0]}"
    return f"lines {', '.join(map(str, numbers[:3]))}" + ", ..." * (len(numbers) > 3)
