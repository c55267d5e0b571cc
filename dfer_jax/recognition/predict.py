"""From a video to its files: what `dfer predict` does with each, and with a camera."""

import contextlib
import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import logging

from dfer_jax.recognition.faces import ANY_FACE, Finder, Found, Least, Pictures
from dfer_jax.recognition.peers.still import StillPeer
from dfer_jax.recognition.recognizer import Recognizer
from dfer_jax.recognition.sources import Source
from dfer_jax.recognition.written import overlay, page, results
from dfer_jax.recognition.written.results import Written, named
from dfer_jax.runs.checkpoint_metadata import warn_of_other_crops
from dfer_jax.video import decode
from dfer_jax.video.container import VideoError
from dfer_jax.video.faces.settings_file import read_settings


@dataclasses.dataclass(frozen=True)
class Options:
    """How videos are looked at, and what is written.

    Attributes:
        out: folder of the results.
        window: length of what gets one label, as `spans.parse` reads it.
        stride: from one window to the next, likewise.
        is_cropped: whether every picture is a face crop already.
        fps: of folders of frames.
        face_model: file of the face networks; None looks for it.
        least: what a face must have to be judged.
        overlay: whether to write the video again, with boxes and labels.
        peer: a recogniser of stills that looks at the same faces.
    """

    out: Path
    window: str = "2.4s"
    stride: str = "8"
    is_cropped: bool = False
    fps: float = 25.0
    face_model: str | None = None
    least: Least = ANY_FACE
    overlay: bool = False
    peer: StillPeer | None = None

    @property
    def peer_names(self) -> tuple[str, ...]:
        """What the peer says of a face, by name; nothing without one."""
        return self.peer.names if self.peer else ()

    def finder(self, recognizer: Recognizer) -> "Watched":
        """Returns what finds the faces of one video.

        Raises:
            UserError: if the face networks are needed and not there.
        """
        return Watched(
            recognizer.finder(
                is_cropped=self.is_cropped,
                face_model=self.face_model,
                least=self.least,
                peer=self.peer,
            )
        )


class Watched(Finder):
    """A finder that notes where faces were, and how many frames there were."""

    def __init__(self, find: Finder) -> None:
        self._find, self.boxes, self.frames = find, overlay.Boxes(), 0

    @property
    def left_out(self) -> Mapping[str, int]:
        """What was found and is not among the faces."""
        return self._find.left_out

    def __call__(self, pictures: Pictures) -> Iterator[Found]:
        """Yields what was found in every frame."""
        for index, seconds, faces in self._find(pictures):
            self.boxes.add(self.frames, faces)
            self.frames += 1
            yield index, seconds, faces


def warn(recognizer: Recognizer, options: Options) -> None:
    """Warns where faces may be cut in another way than the weights know them."""
    if options.is_cropped:
        return
    for member in recognizer.weights.members:
        if member.crop_note:
            logging.warning("%s", member.crop_note)
    crops = {member.cut.crop for member in recognizer.weights.members}
    if len(crops) > 1:
        logging.warning(
            "these weights were trained on crops of %d kinds; each gets its own", len(crops)
        )


def predict(
    source: Source, stem: Path, recognizer: Recognizer, options: Options
) -> BaseException | None:
    """Writes the files of one video and prints a line about it; returns what ended it early.

    Of one of which no picture can be read the summary alone tells: there is nothing to look at.

    Args:
        source: of its pictures.
        stem: of the files.
        recognizer: of the weights.
        options: how to look at it.

    Raises:
        UserError: if the face networks are not there.
        OSError: if there is no room.
    """
    start = time.perf_counter()
    if options.is_cropped:
        _warn_of_other_crops(source, recognizer)
    watched = options.finder(recognizer)
    rows = recognizer.rows(source.pictures(), watched, window=options.window, stride=options.stride)
    with results.write_results(
        rows,
        stem,
        video=source.path.name,
        classes=recognizer.classes,
        about=lambda: about(
            str(source.path), recognizer, options, left_out=watched.left_out, notes=_notes(source)
        ),
        peer=options.peer_names,
    ) as written:
        nothing_read = written.fault is not None and not watched.frames
        if not (nothing_read or isinstance(written.fault, KeyboardInterrupt)):
            seconds = time.perf_counter() - start
            _look(source, stem, written, watched.boxes, options)
            print(_line(written.summary, watched.frames, seconds), f"-> {stem}.html", flush=True)
        return written.fault


def _warn_of_other_crops(source: Source, recognizer: Recognizer) -> None:
    """Warns where `dfer crop` left word of crops that the weights do not know."""
    folder = source.path if source.path.is_dir() else source.path.parent
    places = (folder, *folder.resolve().parents[:2])
    crop = next((found.to_json() for found in map(read_settings, places) if found), None)
    for member in recognizer.weights.members:
        warn_of_other_crops(member.metadata, crop, dataset=str(source.path))


def _look(
    source: Source, stem: Path, written: Written, boxes: overlay.Boxes, options: Options
) -> None:
    """Writes what a person looks at: the page, and the overlay if it is wanted."""
    page.write_page(
        named(stem, results.PAGE),
        written.rows,
        written.summary,
        video=None if source.frames else source.path,
        frames=source.frames,
        fps=options.fps,
    )
    if options.overlay and not source.frames and written.rows:
        overlay.write_overlay(
            named(stem, results.OVERLAY),
            source.pictures(),
            boxes,
            written.rows,
            last=written.rows.last_frame,
        )


def _notes(source: Source) -> list[str]:
    """What to know of a video's pictures, such as HDR."""
    if source.frames:
        return []
    with contextlib.suppress(VideoError):
        return list(decode.notes(source.path))
    return []


def about(
    video: str,
    recognizer: Recognizer,
    options: Options,
    *,
    left_out: Mapping[str, int],
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """Returns what a summary says of where its rows come from, JSON-ready.

    Args:
        video: its name or place.
        recognizer: of the weights.
        options: how it was looked at.
        left_out: what was found and is not among the faces, counted by name.
        notes: on the video's pictures, such as HDR.
    """
    return {
        "video": video,
        "window": options.window,
        "stride": options.stride,
        "cropped_before": options.is_cropped,
        "notes": list(notes),
        **left_out,
        "least": dataclasses.asdict(options.least),
        "weights": recognizer.weights.about(),
        "peer": options.peer and options.peer.file,
    }


def _line(summary: dict[str, Any], frames: int, seconds: float) -> str:
    faces = ", ".join(f"face {f['face']} {f['label']}" for f in summary["faces"][:5]) or "no face"
    more = len(summary["faces"]) - 5
    faces += f" and {more} more" if more > 0 else ""
    empty = summary["frames_without_face"]
    without = f", {empty} without a face" if empty and summary["faces"] else ""
    if brief := summary["brief_weak_faces_left_out"]:
        without += f", {brief} too brief and weak to be faces"
    told = f"{frames} frame{'s' * (frames != 1)}{without}, {frames / seconds:.0f} a second"
    return f"{summary['video']}: {told}, {faces}"
