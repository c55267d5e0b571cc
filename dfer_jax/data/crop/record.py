"""What is kept of a cropped video: what came of it, and which file it was.

The record, `_faces/<clip>.json`, is written when the pictures, `<clip>/<number>.jpg`, and the table
of faces, `_faces/<clip>.csv`, are in their places.
"""

import contextlib
import dataclasses
import os
from collections.abc import Collection
from pathlib import Path

from dfer_jax.data.crop.plan import FACES_FOLDER, Video
from dfer_jax.runtime import durable_files
from dfer_jax.runtime.file_facts import sha256, state_of
from dfer_jax.runtime.json_text import parse_object


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What cropping a video came to.

    Attributes:
        clip: its name.
        frames: decoded.
        seconds: when the last one is shown.
        cropped: frames with the face that was kept; 0 if no face was found.
        faces: people found, each counted again after a scene cut.
        face: number of the one kept; -1 if there is none.
        longest_gap: frames in a row without it, between two with it.
        brief: tracks that were too brief and weak to be faces, see `Confirmation`.
        notes: what to know of the pictures.
        error: why the video could not be read; nothing of it is kept then.
    """

    clip: str
    frames: int = 0
    seconds: float = 0.0
    cropped: int = 0
    faces: int = 0
    face: int = -1
    longest_gap: int = 0
    brief: int = 0
    notes: tuple[str, ...] = ()
    error: str = ""


@dataclasses.dataclass(frozen=True)
class Content:
    """Which file a video was.

    Attributes:
        state: changes whenever the file is written, replaced or copied.
        sha256: of all its bytes.
    """

    state: tuple[int, ...]
    sha256: str


def content_of(path: Path) -> Content:
    """Returns which file a video is; OSError if it cannot be read."""
    state = state_of(path)  # before: what is written while it is read is seen the next time
    return Content(state, sha256(path))


def write(out: Path, outcome: Outcome, content: Content) -> None:
    """Writes the record of a video whose pictures and table are in their places.

    Raises:
        OSError: if it cannot be written.
    """
    values = dataclasses.asdict(outcome) | {"video": dataclasses.asdict(content)}
    durable_files.write_json(path_of(out, outcome.clip), values)


def done_before(out: Path, video: Video) -> Outcome | None:
    """Returns what an earlier run wrote of a video.

    None if it did not finish it, the video is another one by now, or pictures of it are missing.
    Of a file that was only copied, as its checksum tells, the record is written again.

    Raises:
        OSError: if it cannot be.
    """
    try:
        outcome, before = _read(out, video.name)
        now = before if state_of(video.path) == before.state else content_of(video.path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    whole = sum(1 for crop in _crops_in(out / video.name) if crop.stat().st_size)
    if now.sha256 != before.sha256 or whole != outcome.cropped:
        return None
    if now != before:
        write(out, outcome, now)
    return outcome


def _read(out: Path, clip: str) -> tuple[Outcome, Content]:
    values = parse_object(path_of(out, clip).read_text(encoding="utf-8"))
    video = values.pop("video")
    outcome = Outcome(**{**values, "notes": tuple(values["notes"])})
    return outcome, Content(tuple(video["state"]), str(video["sha256"]))


def remove(out: Path, clip: str) -> None:
    """Removes what an earlier run wrote of a video; OSError if that cannot be."""
    path_of(out, clip).unlink(missing_ok=True)  # first: the rest is nothing without it
    table_of(out, clip).unlink(missing_ok=True)
    remove_crops(out / clip)


def remove_crops(folder: Path) -> None:
    """Removes the crops in a folder, and it if nothing else lies there; OSError if one stays."""
    for crop in _crops_in(folder):
        os.unlink(crop)
    with contextlib.suppress(OSError):
        folder.rmdir()


def of_others(out: Path, clips: Collection[str]) -> list[str]:
    """Returns the clips whose crops lie in `out` and that are none of these, sorted."""
    root = out / FACES_FOLDER
    found = (path.relative_to(root).with_suffix("") for path in root.rglob("*.json"))
    return sorted({name.as_posix() for name in found if (out / name).is_dir()} - {*clips})


def path_of(out: Path, clip: str) -> Path:
    """Returns where the record of a video is."""
    return out / FACES_FOLDER / f"{clip}.json"


def table_of(out: Path, clip: str) -> Path:
    """Returns where the faces of a video's frames are listed."""
    return out / FACES_FOLDER / f"{clip}.csv"


def _crops_in(folder: Path) -> list[os.DirEntry]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if entry.name.endswith(".jpg")]
    except (FileNotFoundError, NotADirectoryError):
        return []
