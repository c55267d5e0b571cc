"""Decodes every frame of a built dataset once, for training that never waits for JPEGs.

    python -m dfer_jax.data.frame_cache dfew/full --size 128
    python -m dfer_jax.main --config configs/dfew.py --config.fold=1 --config.data.cache=True

The cache lies beside the dataset, or under --cache_dir (then set --config.data.cache_dir too). An
interrupted run is continued by the same command. --verify checks all checksums.
Exit codes: 0 done (or already there), 1 something is wrong, 2 bad usage.
"""

import contextlib
import dataclasses
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import tensorflow_datasets as tfds
from absl import app, flags, logging
from tqdm import tqdm

from dfer_jax.data.frame_parts import decode_parts
from dfer_jax.data.frame_plan import continue_cache, start_cache
from dfer_jax.data.frame_store import (
    Header,
    Place,
    building,
    damaged_parts,
    read_header,
    why_unusable,
    write_header,
)
from dfer_jax.data.source import fingerprint
from dfer_jax.errors import UserError, list_some, run

_DATA_DIR = flags.DEFINE_string("data_dir", "data", "Folder the built data sets lie in.")
_SIZE = flags.DEFINE_integer("size", 128, "Side of the frames, pixels; data.decode_size.", 1)
_CACHE_DIR = flags.DEFINE_string(
    "cache_dir", "", "Folder for frame caches, on a fast disk; by default beside the data set."
)
_NUM_PROCESSES = flags.DEFINE_integer(
    "num_processes", None, "Decoding processes; by default all cores.", 1
)
_VERIFY = flags.DEFINE_bool("verify", False, "Check all frames of a cache against its checksums.")


def build(place: Place, *, num_processes: int) -> bool:
    """Builds a frame cache, or what is missing of it, unless it is there and fits the dataset.

    It grows in a folder of another name, which is renamed once it is whole; a cache of another
    build of the dataset is replaced then.

    Args:
        place: dataset, size and folder.
        num_processes: decoding processes.

    Returns:
        whether anything was decoded.

    Raises:
        UserError: if the dataset is not built, has frames that cannot be decoded (all are listed),
            the disk is too small, or another process is building this cache.
    """
    builder = tfds.builder_from_directory(place.built)
    mark = fingerprint(builder)
    with _locked(place.folder):
        reason = why_unusable(place, mark)
        if reason is None:
            return False
        print(reason)
        folder = building(place.folder)
        header = continue_cache(place, mark) or start_cache(place, mark)
        missing = [part for part, facts in enumerate(header.parts) if not facts.sha256]
        _announce(place, header, missing)
        _decode(folder, header, missing, directory=place.built, num_processes=num_processes)
        shutil.rmtree(place.folder, ignore_errors=True)
        folder.rename(place.folder)
    return True


def verify(place: Place) -> tuple[int, float]:
    """Checks every file of a frame cache against its checksum; returns its bytes and the seconds.

    Raises:
        UserError: if the cache is missing, does not fit the dataset, or files are damaged (named).
    """
    builder = tfds.builder_from_directory(place.built)
    if reason := why_unusable(place, fingerprint(builder)):
        raise UserError(f"{reason}; build it with `{place.command}`")
    header = read_header(place.folder)
    start = time.perf_counter()
    damaged = damaged_parts(place.folder, header, num_threads=_num_cores())
    if damaged:
        raise UserError(
            f"{len(damaged)} of {len(header.parts)} files of {place.folder} are not as they were "
            f"written; delete that folder and build it with `{place.command}`:\n"
            f"{list_some(damaged)}"
        )
    return sum(part.bytes for part in header.parts), time.perf_counter() - start


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Holds the right to build this cache; the system takes it back however this process ends."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.with_name(f".{folder.name}.lock"), "a", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(
                f"another process is building {folder}; wait until it is done"
            ) from error
        yield


def _announce(place: Place, header: Header, missing: list[int]) -> None:
    """Says what will be written where; UserError if it does not fit on the disk."""
    frames = sum(part.frames for part in header.parts)
    needed = sum(header.bytes_of(part) for part in missing)
    free = shutil.disk_usage(place.folder.parent).free
    continued = f" ({len(missing)} of them still to do)" * (len(missing) < len(header.parts))
    print(
        f"{header.dataset}: {sum(header.splits.values()):,} clips, {frames:,} frames of "
        f"{place.size} x {place.size}, {frames * place.size**2 * 3 / 1e9:.2f} GB in "
        f"{len(header.parts)} files{continued}; {free / 1e9:.1f} GB free in {place.folder.parent}",
        flush=True,
    )
    if needed > free:
        raise UserError(
            f"the frame cache needs {needed / 1e9:.2f} GB, but {place.folder.parent} has "
            f"{free / 1e9:.2f} GB free; make room, or give another --cache_dir or a smaller --size"
        )


def _decode(
    folder: Path, header: Header, missing: list[int], *, directory: Path, num_processes: int
) -> None:
    """Decodes the missing parts, noting each in the index when it is there."""
    parts, broken = list(header.parts), []
    frames = [header.parts[part].frames for part in missing]
    done = sum(part.frames for part in header.parts) - sum(frames)
    processes = min(num_processes, len(missing))
    with tqdm(total=done + sum(frames), initial=done, unit=" frames", unit_scale=True) as bar:
        for news in decode_parts(
            folder, directory=str(directory), parts=missing, num_processes=processes
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


def _num_cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def main(argv: list[str]) -> None:
    """Builds or verifies the cache of the data set named on the command line."""
    if len(argv) != 2:
        raise app.UsageError("give one NAME: python -m dfer_jax.data.frame_cache NAME")
    logging.set_verbosity(logging.ERROR)  # TFDS tells what it does, step by step
    place = Place(argv[1], _DATA_DIR.value, _SIZE.value, _CACHE_DIR.value)
    if _VERIFY.value:
        num_bytes, seconds = verify(place)
        speed = num_bytes / seconds / 1e9
        print(f"{place.folder} is as it was written ({num_bytes / 1e9:.2f} GB, {speed:.2f} GB/s)")
        return
    try:
        built = build(place, num_processes=_NUM_PROCESSES.value or _num_cores())
    except KeyboardInterrupt as interrupt:
        raise UserError("interrupted; the same command continues") from interrupt
    print(f"{place.folder} {'is complete' if built else 'is there already'}")
    elsewhere = f" --config.data.cache_dir={place.cache_dir}" if place.cache_dir else ""
    print(
        f"  use it with --config.data.cache=True --config.data.decode_size={place.size}{elsewhere}"
    )


if __name__ == "__main__":
    run(main)
