"""MAFW's eleven classes and 43 compound ones, and how many clips the released lists put in each.

Labels are words, never numbers: three orders of the classes are in circulation.
"""

from dfer_jax.labels import CLASSES, class_name, in_class_order

WORDS = (
    "anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise", "contempt",
    "anxiety", "helplessness", "disappointment",
)  # fmt: skip
"""The eleven in the order of the paper, in which the words of a compound label stand."""

SINGLE = in_class_order(WORDS)

SINGLE_COUNTS = {
    "fd1": (249, 294, 228, 278, 215, 128, 125, 48, 184, 53, 37),
    "fd2": (249, 294, 228, 278, 215, 128, 125, 47, 183, 53, 37),
    "fd3": (248, 294, 228, 278, 214, 128, 125, 47, 183, 52, 36),
    "fd4": (248, 294, 227, 278, 214, 128, 125, 47, 183, 52, 36),
    "fd5": (248, 294, 227, 278, 214, 127, 125, 47, 183, 52, 36),
}
"""Clips per class of each test fold, in the order of `SINGLE`: 9,172 in all."""

COMPOUND_COUNTS = {
    "anger": (85, 85, 85, 85, 85),
    "anger_anxiety": (11, 11, 11, 11, 10),
    "anger_disgust": (177, 177, 177, 176, 176),
    "anger_disgust_anxiety": (8, 7, 7, 7, 7),
    "anger_disgust_contempt": (4, 4, 4, 3, 3),
    "anger_helplessness": (3, 3, 3, 2, 2),
    "anger_sadness": (18, 18, 18, 18, 18),
    "anger_surprise": (7, 7, 7, 6, 6),
    "anxiety": (82, 82, 82, 81, 81),
    "anxiety_helplessness": (32, 31, 31, 31, 31),
    "anxiety_helplessness_disappointment": (12, 12, 12, 12, 11),
    "contempt": (23, 22, 22, 22, 22),
    "disappointment": (9, 8, 8, 8, 8),
    "disgust": (62, 62, 62, 62, 62),
    "disgust_anxiety": (27, 26, 26, 26, 26),
    "disgust_anxiety_helplessness": (4, 4, 4, 4, 3),
    "disgust_contempt": (42, 42, 42, 41, 41),
    "disgust_disappointment": (3, 3, 2, 2, 2),
    "disgust_helplessness": (8, 8, 8, 8, 7),
    "disgust_helplessness_disappointment": (3, 3, 2, 2, 2),
    "disgust_sadness": (4, 4, 3, 3, 3),
    "disgust_surprise": (8, 8, 7, 7, 7),
    "fear": (36, 36, 36, 36, 36),
    "fear_anxiety": (44, 44, 44, 43, 43),
    "fear_sadness": (20, 19, 19, 19, 19),
    "fear_sadness_anxiety": (4, 4, 4, 4, 3),
    "fear_surprise": (79, 79, 78, 78, 78),
    "fear_surprise_anxiety": (9, 9, 9, 9, 9),
    "happiness": (215, 215, 215, 215, 215),
    "happiness_contempt": (11, 11, 10, 10, 10),
    "happiness_surprise": (42, 41, 41, 41, 41),
    "helplessness": (29, 29, 29, 28, 28),
    "helplessness_disappointment": (20, 20, 20, 19, 19),
    "neutral": (228, 228, 228, 227, 227),
    "sadness": (122, 122, 122, 122, 122),
    "sadness_anxiety": (37, 37, 37, 37, 37),
    "sadness_anxiety_helplessness": (16, 15, 15, 15, 15),
    "sadness_disappointment": (7, 7, 6, 6, 6),
    "sadness_helplessness": (109, 109, 108, 108, 108),
    "sadness_helplessness_disappointment": (5, 5, 4, 4, 4),
    "sadness_surprise": (6, 5, 5, 5, 5),
    "surprise": (100, 100, 99, 99, 99),
    "surprise_anxiety": (47, 47, 46, 46, 46),
}
"""Clips of each compound class in the five test folds: 8,996 in all."""

COMPOUND = in_class_order(COMPOUND_COUNTS)

KINDS = {"single": SINGLE, "compound": COMPOUND, "seven": CLASSES}
"""Classes by kind; `seven` are the clips of the single set that have one of the canonical seven."""


def expected(kind: str) -> dict[str, tuple[int, ...]]:
    """Returns the released number of clips per class of each fold."""
    if kind == "compound":
        columns = [COMPOUND_COUNTS[name] for name in COMPOUND]
        return {f"fd{fold}": row for fold, row in enumerate(zip(*columns, strict=True), 1)}
    return {split: row[: len(KINDS[kind])] for split, row in SINGLE_COUNTS.items()}


def parse(text: str, *, compound: bool) -> str | None:
    """Returns the class that a list's label names, None if it names none.

    Args:
        text: a word, or for `compound` words joined by `_`, in any order.
        compound: whether more than one word may stand there.
    """
    words = [class_name(word) for word in (text.split("_") if compound else (text,))]
    if None in words or not set(words) <= set(WORDS):
        return None
    name = "_".join(sorted(words, key=WORDS.index))
    return name if name in (COMPOUND if compound else SINGLE) else None
