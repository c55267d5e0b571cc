"""Tells what was cropped: a table, a sentence or two, and a sheet of pictures to look at."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import simplejpeg
from jaxtyping import UInt8

from dfer_jax.data.crop.plan import FACES_FOLDER, TABLE_OF_CLIPS
from dfer_jax.data.crop.record import Outcome
from dfer_jax.errors import list_some
from dfer_jax.runtime import durable_files
from dfer_jax.runtime.spreadsheet import SpreadsheetWriter

TABLE = f"{FACES_FOLDER}/{TABLE_OF_CLIPS}.csv"
SHEET = "contact_sheet.jpg"

_COLUMNS = (
    "clip", "frames", "cropped", "without_face", "longest_gap", "faces", "brief_weak_faces",
    "result", "notes",
)  # fmt: skip
_TILE = 96
_PER_CLIP = 4
_CLIPS_A_ROW = 4
_MOST_CLIPS = 120
_FEW = 0.5  # share of frames


def write_table(outcomes: Sequence[Outcome], absent: Mapping[str, str], out: Path) -> None:
    """Writes a row for each clip: frames, those cropped, those without the face, people, result.

    Raises:
        OSError: if it cannot be written.
    """
    with durable_files.replacing(out / TABLE) as file:
        writer = SpreadsheetWriter(file)
        writer.writerow(_COLUMNS)
        for o in outcomes:
            without = o.frames - o.cropped
            numbers = (o.frames, o.cropped, without, o.longest_gap, o.faces, o.brief)
            writer.writerow([_text(o.clip), *numbers, _result(o), "; ".join(o.notes)])
        for name, reason in absent.items():
            writer.writerow([_text(name), *[""] * 6, reason, ""])


def in_words(
    outcomes: Sequence[Outcome],
    absent: Mapping[str, str],
    passed_over: Sequence[str],
    of_others: Sequence[str],
    out: Path,
) -> str:
    """Returns what a person should know, some lines."""
    cropped = [o for o in outcomes if o.cropped]
    frames, with_face = sum(o.frames for o in outcomes), sum(o.cropped for o in outcomes)
    lines = [
        f"{len(cropped):,} of {len(outcomes) + len(absent):,} clips cropped, {with_face:,} of "
        f"{frames:,} frames ({with_face / max(frames, 1):.1%})"
    ]
    lost = [f"{o.clip}: {_result(o)}" for o in outcomes if not o.cropped]
    lost += [f"{name}: {reason}" for name, reason in absent.items()]
    few = [o for o in cropped if o.cropped < _FEW * o.frames]
    several = [f"{o.clip}: {o.faces}" for o in cropped if o.faces > 1]
    brief = [f"{o.clip}: {o.brief}" for o in outcomes if o.brief]
    noted = [f"{o.clip}: {'; '.join(o.notes)}" for o in outcomes if o.notes]
    for what, items in (
        ("lost", lost),
        ("with the face in less than half of the frames",
         [f"{o.clip}: {o.cropped} of {o.frames}" for o in few]),
        ("with several faces, or scene cuts; the one that fills most was kept", several),
        ("with what was too brief and weak to be a face, and was left out", brief),
        ("of unusual pictures", noted),
        ("passed over: no videos, or without a row in the table", passed_over),
        ("lying here of other videos than these; a builder takes them too", of_others),
    ):  # fmt: skip
        if items:
            lines.append(f"{len(items):,} {what}:\n{list_some([_text(item) for item in items])}")
    lines.append(f"table: {out / TABLE}\nlook at: {out / SHEET}")
    return "\n".join(lines)


def write_sheet(outcomes: Sequence[Outcome], out: Path) -> None:
    """Writes a picture with four crops of each clip, or of as many as fit, evenly chosen.

    Raises:
        OSError: if it cannot be written.
    """
    cropped = [o.clip for o in outcomes if o.cropped]
    chosen = np.unique(np.linspace(0, len(cropped) - 1, min(len(cropped), _MOST_CLIPS)).astype(int))
    strips = [_strip(out / cropped[index], cropped[index]) for index in chosen]
    while len(strips) % min(_CLIPS_A_ROW, len(strips)):
        strips.append(np.full_like(strips[0], 255))
    columns = min(_CLIPS_A_ROW, len(strips))
    rows = [np.hstack(strips[i : i + columns]) for i in range(0, len(strips), columns)]
    with durable_files.replacing(out / SHEET, "wb") as file:
        file.write(simplejpeg.encode_jpeg(np.ascontiguousarray(np.vstack(rows)), 90))


def _strip(folder: Path, clip: str) -> UInt8[np.ndarray, "h w 3"]:
    files = sorted(folder.glob("*.jpg"))
    shown = [files[i] for i in np.linspace(0, len(files) - 1, _PER_CLIP).round().astype(int)]
    tiles = [simplejpeg.decode_jpeg(path.read_bytes()) for path in shown]
    tiles = [cv2.resize(tile, (_TILE, _TILE), interpolation=cv2.INTER_AREA) for tile in tiles]
    strip = cv2.copyMakeBorder(
        np.hstack(tiles), 14, 2, 2, 2, cv2.BORDER_CONSTANT, value=(255, 255, 255)
    )
    text = clip[-60:].encode("ascii", "replace").decode()
    font = cv2.FONT_HERSHEY_SIMPLEX
    return cv2.putText(strip, text, (4, 10), font, 0.33, (0, 0, 0), 1, cv2.LINE_AA)


def _result(outcome: Outcome) -> str:
    return outcome.error or ("cropped" if outcome.cropped else "no face found")


def _text(name: str) -> str:
    """Returns a file name as text that can be written as UTF-8."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
