"""What can be looked at: a video, a folder of frames, a still, frames in memory, a camera."""

import collections
import dataclasses
import math
import numbers
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from dfer_jax.errors import UserError
from dfer_jax.recognition.faces import Pictures
from dfer_jax.video.container import VideoError
from dfer_jax.video.decode import SUFFIXES, read_frames

IMAGES = (".jpg", ".jpeg", ".png")
_NUMBER = re.compile(r"(\d+)$", re.ASCII)


@dataclasses.dataclass(frozen=True)
class Source:
    """Something to look at.

    Attributes:
        path: of the file or folder.
        pictures: gives number, seconds and content of every frame; images as encoded bytes.
        frames: the files of a folder or still, in order; none of a video.
    """

    path: Path
    pictures: Callable[[], Pictures]
    frames: tuple[Path, ...] = ()

    @property
    def name(self) -> str:
        """What results are called after it."""
        return self.path.resolve().name if self.path.is_dir() else self.path.stem


def as_folders(folders: Sequence[object]) -> list[Path]:
    """Returns what a caller gives as folders of weights; a ~ at the front is the home.

    Raises:
        UserError: if one is no path.
    """
    for folder in folders:
        if not isinstance(folder, str | Path):
            raise UserError(
                f"a folder of weights is of type {type(folder).__name__}; give paths, each as an "
                "argument of its own: Recognizer.load('runs/a', 'runs/b')"
            )
    return [Path(folder).expanduser() for folder in folders]


def as_path(path: object) -> Path:
    """Returns what a caller gives as a path; a ~ at its front is the home.

    Raises:
        UserError: if it is none.
    """
    if not isinstance(path, str | Path):
        raise UserError(
            f"path is of type {type(path).__name__}; give a file or folder (pictures in memory: "
            "Recognizer.frames; a camera: dfer predict --camera 0)"
        )
    return Path(path).expanduser()


def check_rate(fps: object) -> None:
    """Checks frames per second that a caller gives.

    Raises:
        UserError: if it is no number above 0.
    """
    if not isinstance(fps, numbers.Real) or not 0 < fps < math.inf:
        raise UserError(f"fps={fps!r} is no rate; give frames per second, a number above 0")


def find_sources(path: Path, *, fps: float) -> list[Source]:
    """Returns what a path means: a video, a still, the frames or the videos of a folder.

    The images of a folder are the frames of one clip; a folder stands for all clips and videos in
    it and below it.

    Args:
        path: of a file or folder.
        fps: frames per second of folders of frames.

    Raises:
        UserError: if there is nothing to look at.
    """
    if not path.exists():
        raise UserError(f"{path} does not exist; give a video, a picture or a folder of them")
    if not path.is_dir():
        return [_file(path)]
    found = []
    for inner in (path, *sorted(path.rglob("*"))):
        if inner.is_dir() and (frames := _frames_in(inner)):
            found.append(_folder(inner, frames, fps))
        elif inner.suffix.lower() in SUFFIXES and inner.is_file():
            found.append(_file(inner))
    if not found:
        raise UserError(f"{path} holds neither videos nor JPEG or PNG frames; name another folder")
    return found


def passed_over(path: Path) -> collections.Counter[str]:
    """Returns how many files in a folder, and below it, `find_sources` leaves out, by suffix.

    Hidden ones, and those in hidden folders, are not counted.
    """
    taken = (*SUFFIXES, *IMAGES)
    return collections.Counter(
        file.suffix.lower()
        for file in path.rglob("[!.]*")
        if file.suffix.lower() not in taken
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
        and file.is_file()
    )


def _file(path: Path) -> Source:
    if path.suffix.lower() in IMAGES:
        return Source(path, lambda: iter([(0, 0.0, _bytes(path))]), (path,))
    return Source(path, lambda: read_frames(path))


def _folder(path: Path, frames: list[tuple[int, Path]], fps: float) -> Source:
    first = frames[0][0]

    def pictures() -> Iterator[tuple[int, float, bytes]]:
        for number, file in frames:
            yield number, (number - first) / fps, _bytes(file)

    return Source(path, pictures, tuple(file for _, file in frames))


def _frames_in(folder: Path) -> list[tuple[int, Path]]:
    """Images with the number at the end of their names, in its order; no image twice a number."""
    files = [file for file in folder.iterdir() if file.suffix.lower() in IMAGES]
    numbers = [_NUMBER.search(file.stem) for file in files]
    if not files or not all(numbers):
        return list(enumerate(sorted(files)))
    numbered = sorted((int(match[1]), file) for match, file in zip(numbers, files, strict=True))
    return numbered if len(dict(numbered)) == len(files) else list(enumerate(sorted(files)))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise VideoError(f"frame {path.name} cannot be read ({error.strerror})") from error
