"""Builds and verifies a frame cache: continued after a kill, by one process at a time."""

import dataclasses
import shutil
import time
from pathlib import Path

from tqdm import tqdm

from dfer_jax.data.contents import Contents, contents_of
from dfer_jax.data.frame_cache.parts import decode_parts
from dfer_jax.data.frame_cache.plan import continue_cache, start_cache
from dfer_jax.data.frame_cache.store import (
    NEW,
    Header,
    Place,
    building,
    damaged_parts,
    read_header,
    why_unusable,
    write_header,
)
from dfer_jax.data.records import open_built
from dfer_jax.errors import UserError, list_some
from dfer_jax.runtime.file_lock import only_builder


def build(place: Place, *, num_processes: int) -> bool:
    """Builds a frame cache, or what is missing of it, unless it is there and fits the dataset.

    It grows in a folder of another name, which is renamed once it is whole; a cache of other clips
    or frames is replaced then. Other labels are noted: a cache holds none.

    Args:
        place: dataset, size and folder.
        num_processes: decoding processes.

    Returns:
        whether anything was decoded.

    Raises:
        UserError: if the dataset is not built, has frames that cannot be decoded (all are listed),
            the disk is too small, or another process is building this cache.
    """
    contents = contents_of(open_built(place.built))
    with only_builder(place.folder, lock=_lock_of(place.folder)):
        reason = why_unusable(place, contents.frames)
        if reason is None:
            _note_labels(place, contents)
            return False
        if place.folder.exists():
            print(f"{reason}; it is replaced")
        header = continue_cache(place, contents) or start_cache(place, contents)
        missing = [part for part, facts in enumerate(header.parts) if not facts.sha256]
        _announce(place, header, missing)
        _decode(place, header, missing, num_processes=num_processes)
        _replace(place.folder)
    return True


def verify(place: Place, *, num_threads: int) -> tuple[int, float]:
    """Checks every file of a frame cache against its checksum; returns its bytes and the seconds.

    Raises:
        UserError: if the cache is missing, does not fit the dataset, or files are damaged (named).
    """
    if reason := why_unusable(place, contents_of(open_built(place.built)).frames):
        raise UserError(f"{reason}; build it with `{place.command}`")
    header = read_header(place.folder)
    start = time.perf_counter()
    damaged = damaged_parts(place.folder, header, num_threads=num_threads)
    if damaged:
        raise UserError(
            f"{len(damaged)} of {len(header.parts)} files of {place.folder} are not as they were "
            f"written; delete that folder and build it with `{place.command}`:\n"
            f"{list_some(damaged)}"
        )
    return sum(part.bytes for part in header.parts), time.perf_counter() - start


def _note_labels(place: Place, contents: Contents) -> None:
    header = read_header(place.folder)
    if header.labels != contents.labels:
        write_header(place.folder, dataclasses.replace(header, labels=contents.labels))
        print(
            f"labels of {header.dataset} changed since {place.folder} was made; its frames are the "
            "same and stay, and labels are read from the dataset itself"
        )


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.lock")


def _replace(folder: Path) -> None:
    """Gives a cache that is whole its name; what had the name before is deleted after that."""
    for left in building(folder).glob(f"*{NEW}*"):  # of a killed build's last process
        left.unlink(missing_ok=True)
    aside = folder.with_name(f"{folder.name}.replaced")
    shutil.rmtree(aside, ignore_errors=True)
    if folder.exists():
        folder.rename(aside)
    building(folder).rename(folder)
    shutil.rmtree(aside, ignore_errors=True)


def _announce(place: Place, header: Header, missing: list[int]) -> None:
    """Says what will be written where; UserError if it does not fit on the disk."""
    frames = sum(part.frames for part in header.parts)
    needed = sum(header.bytes_of(part) for part in missing)
    free = shutil.disk_usage(place.folder.parent).free
    continued = f" ({len(missing)} of them still to do)" * (len(missing) < len(header.parts))
    print(
        f"{header.dataset}: {sum(header.splits.values()):,} clips, {frames:,} frames of "
        f"{place.size} x {place.size}, {_size(frames * place.size**2 * 3)} in "
        f"{len(header.parts)} files{continued}; {_size(free)} free in {place.folder.parent}",
        flush=True,
    )
    if needed > free:
        raise UserError(
            f"the frame cache needs {_size(needed)}, but {place.folder.parent} has "
            f"{_size(free)} free; make room, or give another --cache_dir or a smaller --size"
        )


def _size(num_bytes: int) -> str:
    return tqdm.format_sizeof(num_bytes, "B")


def _decode(place: Place, header: Header, missing: list[int], *, num_processes: int) -> None:
    """Decodes the missing parts, noting each in the index when it is there."""
    folder = building(place.folder)
    parts, broken = list(header.parts), []
    frames = [header.parts[part].frames for part in missing]
    done = sum(part.frames for part in header.parts) - sum(frames)
    processes = max(1, min(num_processes, len(missing)))
    with tqdm(total=done + sum(frames), initial=done, unit=" frames", unit_scale=True) as bar:
        for news in decode_parts(
            folder, directory=str(place.built), parts=missing, num_processes=processes
        ):
            if isinstance(news, int):
                bar.update(done + news - bar.n)
                continue
            broken += news.broken
            if not news.broken:
                parts[news.part] = news.done
                write_header(folder, dataclasses.replace(header, parts=parts))
    if len(broken) == 1:
        raise UserError(broken[0])
    if broken:
        what = [sentence.partition("; ")[0] for sentence in broken]
        raise UserError(
            f"{len(broken)} frames cannot be decoded; replace the files in the release and build "
            f"the dataset again:\n{list_some(what)}"
        )
