"""Crops one video: a picture for each frame that has the face, and a table of all faces."""

import collections
import contextlib
import csv
import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import simplejpeg

from dfer_jax.data.crop import record
from dfer_jax.data.crop.plan import Video
from dfer_jax.data.crop.record import Outcome
from dfer_jax.runtime import durable_files
from dfer_jax.video import decode
from dfer_jax.video.container import VideoError
from dfer_jax.video.decode import TimedFrame
from dfer_jax.video.faces import CropSettings, Face, FaceTracker, crop_face
from dfer_jax.video.faces.confirmation import Confirmation

COLUMNS = (
    "frame", "seconds", "face", "x", "y", "w", "h", "score", "size_px", "blur", "yaw", "pitch",
    "roll",
)  # fmt: skip

_UNFINISHED = ".unfinished"
_JPEG_QUALITY = 95


def crop_video(
    video: Video,
    out: Path,
    settings: CropSettings,
    tracker: FaceTracker,
    *,
    stopped: Callable[[], bool] = lambda: False,
) -> Outcome | None:
    """Crops the face that fills most of a video over its whole length.

    Written are `<out>/<clip>/<number>.jpg`, numbered as the video's frames from 1 on, and
    `<out>/_faces/<clip>.csv`, a row for each face and frame; what an earlier run wrote of a video
    of this name is replaced, or removed if this one cannot be read. The memory needed does not
    depend on the length.

    Args:
        video: which one.
        out: folder of all crops.
        settings: of the crops.
        tracker: finds the faces; forgets those of other videos.
        stopped: asked at every frame.

    Returns:
        what came of it; None if it was stopped, and nothing is left then.

    Raises:
        OSError: if something cannot be written.
    """
    unfinished = out / _UNFINISHED / str(os.getpid())
    shutil.rmtree(unfinished, ignore_errors=True)
    tracker.reset()
    try:
        return _crop(video, out, settings, tracker, unfinished=unfinished, stopped=stopped)
    except VideoError as error:
        record.remove(out, video.name)
        return Outcome(video.name, error=str(error))
    except _Stopped:
        return None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def remove_unfinished(out: Path) -> None:
    """Removes what a killed run left, and the folder for it."""
    shutil.rmtree(out / _UNFINISHED, ignore_errors=True)


class _Stopped(Exception):  # noqa: N818 (no error)
    pass


def _crop(
    video: Video,
    out: Path,
    settings: CropSettings,
    tracker: FaceTracker,
    *,
    unfinished: Path,
    stopped: Callable[[], bool],
) -> Outcome:
    table, content = record.table_of(out, video.name), _content_of(video)
    table.parent.mkdir(parents=True, exist_ok=True)
    sizes: dict[int, float] = collections.defaultdict(float)
    first, confirmation = tracker.numbers_given, Confirmation()
    frame = None
    with durable_files.replacing(table) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for frame in decode.read_frames(video.path):
            if stopped():
                raise _Stopped
            faces = tracker(frame.picture, frame.seconds)
            confirmation.add(frame.seconds, {face.track - first: face.score for face in faces})
            for face in faces:
                number = face.track - first
                sizes[number] += face.box[2] * face.box[3] * face.score
                crop = crop_face(frame.picture, face.landmarks, settings)
                _write_jpeg(unfinished / str(number) / f"{frame.index + 1:06d}.jpg", crop)
            writer.writerows(_rows(frame, faces, first))
    confirmation.finish()
    sizes = {number: size for number, size in sizes.items() if confirmation.is_face(number)}
    kept = max(sizes, key=sizes.__getitem__, default=-1)
    record.remove_crops(out / video.name)  # of another video, or of a run killed before its record
    cropped = _keep(unfinished / str(kept), out / video.name) if sizes else []
    gaps = (after - before - 1 for before, after in itertools.pairwise(cropped))
    outcome = Outcome(
        clip=video.name,
        frames=frame.index + 1,
        seconds=round(frame.seconds, 3),
        cropped=len(cropped),
        faces=len(sizes),
        face=kept,
        longest_gap=max(gaps, default=0),
        brief=confirmation.left_out,
        notes=decode.notes(video.path),
    )
    record.write(out, outcome, content)
    return outcome


def _content_of(video: Video) -> record.Content:
    try:
        return record.content_of(video.path)
    except OSError as error:
        raise VideoError(f"cannot be read ({error.strerror})") from error


def _write_jpeg(path: Path, crop: Any) -> None:
    data = simplejpeg.encode_jpeg(crop, _JPEG_QUALITY, "RGB", "420")
    with contextlib.suppress(FileNotFoundError):
        path.write_bytes(data)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _rows(frame: TimedFrame, faces: list[Face], first: int) -> Iterator[list[object]]:
    """Yields the rows of a frame; one that says so if there is no face."""
    when = [frame.index + 1, f"{frame.seconds:.3f}"]
    if not faces:
        yield [*when, *[""] * (len(COLUMNS) - len(when))]
    for face in faces:
        q = face.quality
        numbers = (*face.box, face.score, q.size_px, q.blur, q.yaw, q.pitch, q.roll)
        yield [*when, face.track - first, *(f"{number:.3f}" for number in numbers)]


def _keep(crops: Path, to: Path) -> list[int]:
    """Moves the crops to their place; returns the numbers of their frames, ascending."""
    to.parent.mkdir(parents=True, exist_ok=True)
    crops.rename(to)
    return sorted(int(path.stem) for path in to.glob("*.jpg"))
