"""Names of expressions: the canonical seven, their synonyms, an order for all, meeting by name."""

import dataclasses
import difflib
from collections.abc import Iterable, Sequence

from dfer_jax.errors import UserError

CLASSES = ("happiness", "sadness", "neutral", "anger", "surprise", "disgust", "fear")
"""The canonical seven in the order of the DFEW release (its labels 1..7 are this order, from one).

One label set among others: that of DFEW, FERV39k and synthetic_dfer. What a data set or a model
tells apart is said by the data set and the checkpoint."""

CLASS_ORDER = (
    *CLASSES, "contempt", "calm", "anxiety", "helplessness", "disappointment", "other"
)  # fmt: skip
"""The order in which the classes of a data set are listed that has no order of its own."""

EXPRESSIONS = (*CLASSES, "other")
"""Of frames: the canonical seven keep their places; ABAW has `other` too from 2022 on."""

ACTION_UNITS = tuple(f"AU{unit}" for unit in (1, 2, 4, 6, 7, 10, 12, 15, 23, 24, 25, 26))
"""Of frames: the twelve action units of ABAW from 2021 on."""

_ALIASES = {
    "happiness": ("happy", "joy", "joyful", "smile", "smiling"),
    "sadness": ("sad",),
    "neutral": ("neutrality", "no emotion"),
    "anger": ("angry",),
    "surprise": ("surprised",),
    "disgust": ("disgusted",),
    "fear": ("fearful", "afraid", "scared"),
    "contempt": ("contemptuous", "disdain"),
    "calm": ("calmness",),
    "anxiety": ("anxious",),
    "helplessness": ("helpless",),
    "disappointment": ("disappointed",),
    "other": (),
}
_TO_CLASS = {alias: name for name, aliases in _ALIASES.items() for alias in (name, *aliases)}
_NEGATIONS = ("un", "non", "not", "dis", "no", "in", "im", "ir", "il", "anti")
_NEARER = 0.1  # of difflib's ratio: a hint must be so much closer than what means something else


def class_name(word: str) -> str | None:
    """Returns the class that a word stands for ("Happy" -> "happiness"); None if not known.

    Calm is a class of its own, not neutral: RAVDESS has both.
    """
    return _TO_CLASS.get(" ".join(word.split()).casefold())


def canonical_name(name: str) -> str:
    """Returns which of the canonical seven a word stands for ("Happy" -> "happiness").

    Raises:
        UserError: if it is none of them; a known word that is spelt nearly so is suggested.
    """
    found = class_name(name)
    if found not in CLASSES:
        close = nearest_word(name, [word for word, of in _TO_CLASS.items() if of in CLASSES])
        hint = f"; did you mean {close!r}?" if close else ""
        raise UserError(f"{name!r} is not one of the expressions {', '.join(CLASSES)}{hint}")
    return found


def nearest_word(word: str, known: Iterable[str]) -> str | None:
    """Returns the known word that `word` is probably a misspelling of; None if that is not plain.

    Never one that means the opposite ("unhappy" is not happy), nor one of two that are about as
    near and do not mean the same.
    """
    key = " ".join(word.split()).casefold()
    if class_name(word):
        return None  # no misspelling
    ratio = {other: difflib.SequenceMatcher(None, key, other).ratio() for other in known}
    ranked = sorted((other for other in ratio if ratio[other] >= 0.6), key=lambda o: -ratio[o])
    if not ranked or _is_negation(key, ranked[0]):
        return None
    best, meaning = ranked[0], _TO_CLASS.get(ranked[0], ranked[0])
    rivals = [o for o in ranked if _TO_CLASS.get(o, o) != meaning]
    return None if rivals and ratio[best] - ratio[rivals[0]] < _NEARER else best


def _is_negation(one: str, other: str) -> bool:
    """Whether one of two words is the other with a prefix that inverts it."""
    short, long = sorted((one, other), key=len)
    stems = [long.removeprefix(prefix).lstrip(" -_") for prefix in _NEGATIONS]
    return any(
        stem != long and difflib.SequenceMatcher(None, stem, short).ratio() > 0.8 for stem in stems
    )


def in_class_order(names: Iterable[str]) -> tuple[str, ...]:
    """Returns each name once: those of `CLASS_ORDER` in that order, then the others by name."""
    known = {name: place for place, name in enumerate(CLASS_ORDER)}
    return tuple(sorted(set(names), key=lambda name: (known.get(name, len(known)), name)))


@dataclasses.dataclass(frozen=True)
class SharedClasses:
    """What the classes of a model and of a data set have in common, by name.

    Attributes:
        names: the model's names of the shared classes, in its order.
        of_data: the data set's names of the same, in the same order.
        only_model: classes that the data set has not.
        only_data: classes that the model has not.
    """

    names: tuple[str, ...]
    of_data: tuple[str, ...]
    only_model: tuple[str, ...]
    only_data: tuple[str, ...]

    @property
    def are_all(self) -> bool:
        """Whether both know the same classes."""
        return not (self.only_model or self.only_data)


def shared_classes(model: Sequence[str], data: Sequence[str]) -> SharedClasses:
    """Returns the classes that a model and a data set share: by name, never by place.

    A name that is not the other's counts as one of its synonyms ("happy", "happiness") where no
    second name of the same side means that too.
    """
    left = dict(zip(data, data, strict=True))
    pairs = {name: left.pop(name) for name in model if name in left}
    for name in (name for name in model if name not in pairs):
        meant = _meaning(name)
        if sum(_meaning(other) == meant for other in model) > 1:
            continue
        found = [other for other in data if _meaning(other) == meant]
        if len(found) == 1 and found[0] in left:
            pairs[name] = left.pop(found[0])
    names = tuple(name for name in model if name in pairs)
    return SharedClasses(
        names=names,
        of_data=tuple(pairs[name] for name in names),
        only_model=tuple(name for name in model if name not in pairs),
        only_data=tuple(name for name in data if name in left),
    )


def _meaning(name: str) -> str:
    return class_name(name) or name.casefold()
