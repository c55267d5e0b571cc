"""Writes what was found in a video: table, summary, page; whole and valid however it ends."""

import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dfer_jax.errors import UserError, writing
from dfer_jax.recognition.rows import CsvRows, Row
from dfer_jax.recognition.sources import Source
from dfer_jax.recognition.written.kept_rows import KeptRows
from dfer_jax.recognition.written.summary import summary
from dfer_jax.runtime.durable_files import replacing, write_json
from dfer_jax.runtime.file_lock import only_writer
from dfer_jax.video.container import VideoError

CSV, JSON, PAGE, OVERLAY = ".csv", ".json", ".html", ".overlay.mp4"


@dataclasses.dataclass(frozen=True)
class Written:
    """What was made of a video.

    Attributes:
        rows: all of them, on disk.
        summary: as written.
        fault: what ended it early, as raised; None if it was read to its end.
    """

    rows: KeptRows
    summary: dict[str, Any]
    fault: BaseException | None


@contextlib.contextmanager
def write_results(
    rows: Iterable[Row],
    stem: Path,
    *,
    video: str,
    classes: Sequence[str],
    about: Callable[[], Mapping[str, Any]],
    peer: Sequence[str] = (),
) -> Iterator[Written]:
    """Writes `<stem>.csv` row by row while they come, then `<stem>.json`, and yields them.

    The rows can be read until the block ends. A damaged video and Ctrl-C end them early; what was
    found until then is written as if the video ended there, and the summary says why.

    Args:
        rows: of the video, made while they are asked for.
        stem: of the files, in a folder that exists.
        video: its name in the table.
        classes: the columns.
        about: gives more for the summary, once the rows are over.
        peer: what a recogniser beside ours says, by name: more columns.

    Raises:
        UserError: if another process writes results of this name.
        OSError: if there is no room; a file of an earlier run then stays as it was.
    """
    with only_writer(stem), contextlib.closing(KeptRows(stem.parent)) as kept:
        options = {"video": video, "classes": classes, "peer": peer}
        fault = _write_table(named(stem, CSV), rows, kept, **options)
        why = None if fault is None else (str(fault) or "stopped")
        found = summary(kept, classes=classes, about=about(), fault=why)
        write_json(named(stem, JSON), found)
        yield Written(kept, found, fault)


def _write_table(
    path: Path, rows: Iterable[Row], kept: KeptRows, **options: Any
) -> BaseException | None:
    """Writes, as `CsvRows` has the options, and keeps the rows; returns what ended them early."""
    with replacing(path) as file:
        table = CsvRows(file, **options)
        try:
            for row in rows:
                table.write(row)
                kept.add(row)
        except (VideoError, UserError, KeyboardInterrupt) as error:
            return error
        finally:
            if close := getattr(rows, "close", None):
                with contextlib.suppress(ValueError):
                    close()
    return None


def stems(found: Sequence[Source], out: Path) -> list[tuple[Source, Path]]:
    """Returns each source with what its files are called before the suffix, none twice."""
    taken: set[str] = set()
    pairs = []
    for source in found:
        name, count = source.name, 1
        while name in taken:
            count += 1
            name = f"{source.name}_{count}"
        taken.add(name)
        pairs.append((source, out / name))
    return pairs


def named(stem: Path, suffix: str) -> Path:
    """Returns a file of a result; names of videos may hold dots."""
    return stem.with_name(stem.name + suffix)


def prepare(out: str | os.PathLike[str]) -> Path:
    """Returns the folder of results, made if missing.

    Raises:
        UserError: if it cannot be made.
    """
    with writing(out, "choose another --out"):
        os.makedirs(out, exist_ok=True)
    return Path(out)
