"""FERV39k's 22 scenes and 7 class folders, and how many clips the released lists put in each."""

from collections.abc import Iterable, Mapping, Sequence

from dfer_jax.labels import CLASSES
from tfds_builders.frames import Clip

SPLITS = ("train", "test")
WORDS = ("Happy", "Sad", "Neutral", "Angry", "Surprise", "Disgust", "Fear")
"""Names of the class folders and labels, in the order of `labels.CLASSES`."""

COUNTS = {
    "Action": ((276, 54, 163, 43, 48, 30, 26), (70, 14, 41, 11, 13, 8, 7)),
    "Argue": ((562, 208, 472, 587, 162, 75, 56), (141, 52, 118, 147, 41, 19, 15)),
    "Business": ((279, 234, 405, 182, 162, 132, 24), (70, 59, 102, 46, 41, 33, 7)),
    "Conflict": ((208, 367, 348, 592, 175, 186, 114), (53, 92, 87, 149, 44, 47, 29)),
    "Contest": ((507, 370, 476, 202, 176, 110, 76), (127, 93, 120, 51, 45, 28, 19)),
    "Crime": ((195, 332, 418, 203, 126, 114, 106), (49, 84, 105, 51, 32, 29, 27)),
    "Crisis": ((192, 231, 372, 156, 106, 44, 92), (48, 58, 93, 40, 27, 11, 24)),
    "DailyLife": ((386, 400, 368, 512, 68, 24, 110), (97, 101, 93, 128, 17, 7, 28)),
    "ElegantArt": ((140, 282, 220, 181, 69, 56, 42), (36, 71, 56, 46, 18, 14, 11)),
    "Experiment": ((136, 8, 215, 32, 28, 8, 16), (34, 3, 54, 8, 8, 2, 4)),
    "History": ((244, 724, 424, 396, 131, 68, 164), (61, 182, 106, 99, 33, 17, 41)),
    "Interview": ((545, 232, 483, 241, 73, 72, 29), (137, 59, 121, 61, 19, 19, 8)),
    "Liveshow": ((215, 88, 300, 117, 81, 88, 14), (54, 22, 75, 30, 21, 22, 4)),
    "Medicine": ((54, 128, 164, 78, 40, 28, 57), (14, 33, 42, 20, 11, 8, 15)),
    "OfficialEvent": ((278, 86, 330, 279, 78, 68, 17), (70, 22, 83, 70, 20, 17, 5)),
    "ScholarReport": ((419, 188, 405, 260, 125, 116, 96), (105, 47, 102, 66, 32, 29, 24)),
    "School": ((101, 322, 292, 422, 199, 141, 130), (26, 81, 73, 106, 50, 36, 33)),
    "Social": ((118, 76, 332, 152, 88, 104, 22), (30, 20, 84, 39, 23, 27, 6)),
    "Speech": ((271, 185, 416, 256, 128, 121, 88), (68, 47, 105, 64, 32, 31, 22)),
    "Talkshow": ((383, 151, 387, 189, 164, 72, 40), (96, 38, 97, 48, 42, 18, 11)),
    "Terror": ((118, 377, 366, 316, 147, 88, 265), (30, 95, 92, 79, 37, 22, 67)),
    "War": ((227, 480, 434, 510, 128, 88, 96), (57, 120, 109, 128, 32, 23, 24)),
}
"""Clips per class in the released lists, training then test, by scene: 31,088 and 7,847 in all."""

SCENES = tuple(COUNTS)


def expected(scenes: Iterable[str] = SCENES) -> dict[str, tuple[int, ...]]:
    """Returns the released number of clips per class, by split, of these scenes together."""
    rows = [COUNTS[scene] for scene in scenes]
    return {
        split: tuple(sum(column) for column in zip(*(row[k] for row in rows), strict=True))
        for k, split in enumerate(SPLITS)
    }


def count(clips: Iterable[Clip]) -> dict[str, dict[str, list[int]]]:
    """Returns the number of clips per class, by scene and split."""
    counts = {scene: {split: [0] * len(CLASSES) for split in SPLITS} for scene in SCENES}
    for clip in clips:
        counts[clip.features["scene"]][clip.split][CLASSES.index(clip.label)] += 1
    return counts


def table(counts: Mapping[str, Mapping[str, Sequence[int]]]) -> str:
    """Returns a line for each scene; cells are training+test clips, expected ones in brackets."""
    rows = [("scene", "clips", "expected", *CLASSES)]
    for scene, found in counts.items():
        have, want = _cells(found), _cells(expected([scene]))
        cells = [a if a == b else f"{a} ({b})" for a, b in zip(have[1:], want[1:], strict=True)]
        rows.append((scene, have[0], want[0], *cells))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        f"{name:<{widths[0]}}"
        + "".join(f"{cell:>{width + 2}}" for cell, width in zip(cells, widths[1:], strict=True))
        for name, *cells in rows
    ]
    return "\n".join(["clips of each scene, training+test", *lines])


def _cells(counts: Mapping[str, Sequence[int]]) -> list[str]:
    """Returns "training+test" of all classes together and of each."""
    pairs = [(sum(counts[split]), *counts[split]) for split in SPLITS]
    return [f"{train}+{test}" for train, test in zip(*pairs, strict=True)]
