"""Writes trees shaped like Aff-Wild2, with all its oddities; pixels say which picture one is.

The pixels are those of `dfew_tree`: the place of the video in the list, then the picture's number.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import dfew_tree
import numpy as np

SEVEN = ("Neutral", "Anger", "Disgust", "Fear", "Happiness", "Sadness", "Surprise")
EIGHT = (*SEVEN, "Other")
UNITS = tuple(f"AU{n}" for n in (1, 2, 4, 6, 7, 10, 12, 15, 23, 24, 25, 26))
UNITS_2020 = tuple(f"AU{n}" for n in (1, 2, 4, 6, 12, 15, 20, 25))


@dataclass(frozen=True)
class Edition:
    annotations: str
    expr: str
    au: str
    train: str
    classes: Sequence[str] = EIGHT
    units: Sequence[str] = UNITS
    crops: Sequence[str] = ("cropped_aligned", "cropped_aligned_new_50_vids")

    def folder(self, track: str, split: str) -> str:
        name = self.train if split == "train" else "Validation_Set"
        return f"{self.annotations}/{getattr(self, track)}/{name}"


_CLASSIFICATION = ("EXPR_Classification_Challenge", "AU_Detection_Challenge", "Train_Set")
EDITIONS = {
    "2020": Edition(
        "annotations", "EXPR_Set", "AU_Set", "Training_Set", SEVEN, UNITS_2020, ["cropped_aligned"]
    ),
    "2021": Edition(
        "Annotation/annotations",
        *("EXPR_Set", "AU_Set", "Train_Set", SEVEN, UNITS),
        ["Cropped_aligned_image/cropped_aligned"],
    ),
    "2022": Edition("Third ABAW Annotations", *_CLASSIFICATION),
    "2023": Edition("5th_ABAW_Annotations", *_CLASSIFICATION),
    "2024": Edition("6th ABAW Annotations", "EXPR_Recognition_Challenge", *_CLASSIFICATION[1:]),
}


@dataclass(frozen=True)
class Video:
    """A face in a video: codes by row (None for a row of -1 alone) and numbers of pictures."""

    name: str
    split: str
    rows: int
    pictures: Sequence[int]
    unknown: Sequence[int] = ()

    def rows_of(self, track: str, edition: Edition) -> list[list[int]]:
        """Returns the cells of every row, in the order of the header."""
        rng = np.random.default_rng([*self.name.encode(), track == "au"])
        if track == "expr":
            cells = rng.integers(len(edition.classes), size=(self.rows, 1))
            cells[np.array(self.unknown, int) - 1] = -1
            return cells.tolist()
        cells = rng.integers(2, size=(self.rows, len(edition.units)))
        for place, row in enumerate(self.unknown):  # all of a row, or one cell of it
            cells[row - 1, slice(None) if place % 2 else slice(1)] = -1
        return cells.tolist()


def _to(last: int, *holes: int) -> list[int]:
    return [number for number in range(1, last + 1) if number not in holes]


VIDEOS = [
    Video("10-60-1280x720", "train", 12, _to(12)),
    Video("10-60-1280x720_right", "train", 12, [3, 4, 5, 11], unknown=[1, 2, 4, 5, 12]),
    Video("106", "train", 120, _to(117, 4, 5, 6, 99), unknown=[6, 7, 100, 119]),
    Video("122-60-1920x1080-1", "train", 8, _to(11, 2), unknown=[8]),
    Video("15-24-1920x1080", "train", 5, _to(5), unknown=[1, 2, 3, 4, 5]),
    Video("video10_1_left", "validation", 20, _to(20, 1), unknown=[3]),
    Video("video10_1_right", "validation", 20, _to(18), unknown=[18]),
    Video("video2_left", "validation", 30, [14], unknown=_to(13)),
    Video("video86_1", "validation", 9, _to(9)),
]
"""Bare name beside a suffixed one, pairs without one, rows > pictures, rows < pictures, holes."""


def picture(place: int, number: int) -> bytes:
    """Returns a JPEG of 32x48 pixels that says which picture it is."""
    return dfew_tree.encode(place, number)


def decode(image: np.ndarray) -> tuple[int, int]:
    """Returns (place of the video, number of the picture) of decoded pixels."""
    return dfew_tree.decode(image)


def picture_folder(root: Path, video: Video, edition: Edition) -> Path:
    """Returns the folder of pictures; the last videos are in an edition's further crops."""
    crops = edition.crops[0 if VIDEOS.index(video) < 7 else -1]
    return root / crops / video.name


def annotation_path(root: Path, video: Video, track: str, edition: Edition) -> Path:
    return root / edition.folder(track, video.split) / f"{video.name}.txt"


def header(track: str, edition: Edition) -> Sequence[str]:
    return edition.classes if track == "expr" else edition.units


def write_annotation(
    root: Path,
    video: Video,
    track: str,
    edition: Edition,
    *,
    order: Sequence[int] | None = None,
    newline: str = "\n",
) -> None:
    """Writes one file, its columns, or the codes' meaning, in another order if asked."""
    names = header(track, edition)
    order = list(range(len(names))) if order is None else list(order)
    rows = video.rows_of(track, edition)
    if track == "expr":
        rows = [[order.index(code) if code >= 0 else -1] for (code,) in rows]
    else:
        rows = [[row[column] for column in order] for row in rows]
    lines = [[names[column] for column in order], *rows]
    path = annotation_path(root, video, track, edition)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(",".join(map(str, cells)) + newline for cells in lines)
    path.write_bytes(text.encode())


def write_pictures(root: Path, video: Video, edition: Edition) -> None:
    folder = picture_folder(root, video, edition)
    folder.mkdir(parents=True)
    for number in video.pictures:
        (folder / f"{number:05d}.jpg").write_bytes(picture(VIDEOS.index(video), number))


def write_tree(
    root: Path, *, edition: str = "2021", videos: Iterable[Video] = tuple(VIDEOS)
) -> Edition:
    """Writes both tracks, the pictures, and what else a download holds; returns the edition."""
    form = EDITIONS[edition]
    for video in videos:
        write_pictures(root, video, form)
        write_annotation(root, video, "expr", form)
        # The tracks need not agree on the number of rows.
        shorter = replace(video, rows=max(video.rows - 2, *video.unknown, 0))
        write_annotation(root, shorter, "au", form)
    write_strays(root, form)
    return form


def write_strays(root: Path, form: Edition) -> None:
    """Adds system files (2 hidden), 2 other strays, unaligned crops, a test video, other tracks."""
    folder = picture_folder(root, VIDEOS[0], form)
    (folder / ".DS_Store").write_bytes(b"\0Bud1")
    (folder / "notes.txt").write_text("seen by X")
    training = root / form.folder("expr", "train")
    (training / ".DS_Store").write_bytes(b"\0Bud1")
    (training / "list.csv").write_text("")
    au = root / form.folder("au", "train")
    (au / "._106.txt").write_bytes(b"\0")
    (root / ".DS_Store").write_bytes(b"\0Bud1")
    for path in (
        "cropped/106/00001.jpg",
        f"{form.crops[0]}/a_test_video/00001.jpg",
        f"{form.annotations}/VA_Set/Train_Set/106.txt",
        f"{form.annotations}/MTL_Challenge/train_set.txt",
        "names_of_videos_in_each_test_set/Expression_test_set_release.txt",
        "batch1/106.mp4",
    ):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x")


def truth(video: Video, track: str, edition: Edition) -> dict[int, list[int]]:
    """Returns the cells of the row of each picture that has one, in the header's order."""
    cells = video.rows_of(track, edition)
    return {number: cells[number - 1] for number in video.pictures if number <= len(cells)}
