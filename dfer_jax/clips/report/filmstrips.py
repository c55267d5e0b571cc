"""Filmstrips: what the model saw where it was most wrong and most right.

Their pictures are kept in `eval/<stem>.filmstrips/`, so that the page can be written again where
the data set is not at hand.
"""

import base64
import os
import shutil
from collections.abc import Callable, Sequence
from html import escape

import cv2
import numpy as np

from dfer_jax.clips.report.inputs import Evaluation, Prediction
from dfer_jax.errors import UserError
from dfer_jax.plotting.markup import Section, percent, protocol, section
from dfer_jax.runs.read_files import read_bytes, read_json
from dfer_jax.runtime.durable_files import write_json
from dfer_jax.video.picture_size import picture_size

ReadFrames = Callable[[str], Sequence[bytes]]
"""Returns the frames of the clip with this `clip_id`: JPEG bytes in time order."""

FRAMES = 8
_WRONG_STRIPS = 8
_MAX_BYTES = 6_000  # a larger picture is scaled down so that the page stays small
_SMALL_SIDE = 128  # pixels of the shorter side
_INDEX = "clips.json"  # clip id -> names of its pictures in time order


def save_filmstrips(workdir: str, evaluation: Evaluation, read_frames: ReadFrames) -> None:
    """Keeps the pictures of the clips that the page shows, replacing those of an earlier time.

    Raises:
        UserError: if a frame cannot be decoded.
    """
    shown = [p.clip_id for group in _chosen(evaluation).values() for p in group]
    keep_pictures(_folder(workdir, evaluation), shown, read_frames)


def keep_pictures(folder: str, clip_ids: Sequence[str], read_frames: ReadFrames) -> None:
    """Keeps frames spread over each clip in `folder`, replacing what it held.

    Raises:
        UserError: if a frame cannot be decoded.
    """
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    index: dict[str, list[str]] = {}
    for number, clip_id in enumerate(clip_ids):
        frames = read_frames(clip_id)
        spread = np.linspace(0, len(frames) - 1, FRAMES).round().astype(int) if frames else []
        names = index[clip_id] = []
        for place, frame in enumerate(spread):
            names.append(f"{number:02d}-{place}.jpg")  # a clip id may not be a file name
            with open(os.path.join(folder, names[-1]), "wb") as file:
                file.write(_small(frames[frame], clip_id))
    write_json(os.path.join(folder, _INDEX), index)


def kept_pictures(folder: str) -> dict[str, list[bytes]]:
    """Returns clip id -> JPEG bytes in time order, of what `keep_pictures` kept; {} for nothing.

    Raises:
        UserError: if a picture it kept is gone.
    """
    path = os.path.join(folder, _INDEX)
    index = read_json(path) if os.path.exists(path) else {}
    return {
        clip_id: [read_bytes(os.path.join(folder, os.path.basename(str(n)))) for n in names]
        for clip_id, names in index.items()
    }


def filmstrip_section(workdir: str, evaluation: Evaluation) -> Section:
    """Returns the most confidently wrong clips and one confidently right clip of each class.

    Empty where `save_filmstrips` kept no picture of any of them.

    Raises:
        UserError: if a picture it kept is gone.
    """
    kept = kept_pictures(_folder(workdir, evaluation))
    chosen = _chosen(evaluation)
    if not any(clip.clip_id in kept for group in chosen.values() for clip in group):
        return Section()
    parts = []
    for heading, clips in chosen.items():
        strips = "".join(_strip(p, kept[p.clip_id]) for p in clips if p.clip_id in kept)
        parts.append(f"<h3>{heading}</h3><div class='strips'>{strips or '<p>None.</p>'}</div>")
    note = (
        f"{protocol(evaluation.selection)}. {FRAMES} frames spread over each clip, in time order."
    )
    return Section(section("Clips", note, "".join(parts)))


def _chosen(evaluation: Evaluation) -> dict[str, list[Prediction]]:
    """Returns the clips to show under their headings."""
    ranked = sorted(evaluation.predictions, key=lambda p: (-np.nan_to_num(p.confidence), p.clip_id))
    wrong = [p for p in ranked if not p.right][:_WRONG_STRIPS]
    right = [
        next((p for p in ranked if p.right and p.label == c), None) for c in evaluation.classes
    ]
    return {"Most confidently wrong": wrong, "Confidently right": [p for p in right if p]}


def _folder(workdir: str, evaluation: Evaluation) -> str:
    return os.path.join(workdir, "eval", f"{evaluation.stem}.filmstrips")


def _strip(prediction: Prediction, pictures: Sequence[bytes]) -> str:
    """Returns one clip as a row of pictures with its truth and prediction."""
    said = f"{escape(prediction.prediction)} {percent(prediction.confidence)}"
    peak = prediction.peak_intensity
    strength = f"<span>peak intensity {peak:.2f}</span>" if np.isfinite(peak) else ""
    kind = "hit" if prediction.right else "miss"
    caption = (
        f"<span>truth <strong>{escape(prediction.label)}</strong></span>"
        f"<span class='{kind}'>predicted <strong>{said}</strong></span>{strength}"
    )
    return strip_figure(pictures, caption, prediction.clip_id)


def strip_figure(pictures: Sequence[bytes], caption: str, clip_id: str) -> str:
    """Returns one clip as a row of JPEG pictures; `caption` is HTML, `clip_id` text."""
    images = "".join(
        f"<img alt='' src='data:image/jpeg;base64,{base64.b64encode(p).decode('ascii')}'>"
        for p in pictures
    )
    return (
        f"<figure><div class='strip'>{images}</div><figcaption>{caption}"
        f"<span class='id'>{escape(clip_id)}</span></figcaption></figure>"
    )


def _small(jpeg: bytes, clip_id: str) -> bytes:
    """Returns the picture as it is when small, and scaled down when not."""
    if len(jpeg) <= _MAX_BYTES:
        return jpeg
    try:
        picture_size(jpeg)
    except ValueError as error:
        raise _unreadable(clip_id, error) from error
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise _unreadable(clip_id, "damaged")
    scale = _SMALL_SIDE / min(image.shape[:2])
    if scale < 1:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()


def _unreadable(clip_id: str, why: object) -> UserError:
    return UserError(
        f"a frame of clip {clip_id!r} is no readable picture ({why}); build the data again"
    )
