"""What a frozen backbone makes of every frame, computed once, read as often as wanted.

    packed_frames/features_<backbone>/<split>.npy     float [n, d], rows of the packed frames

The folder's name is a checksum of everything that the features depend on: weights, architecture,
normalisation, sizes, type. Other weights hence find other features, or none.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO, Any

import jax
import numpy as np
from jaxtyping import Float, PyTree
from tqdm import tqdm

from dfer_jax.errors import UserError, writing
from dfer_jax.frames.packed import PackedFrames
from dfer_jax.runtime.durable_files import write_json
from dfer_jax.runtime.file_lock import taking_turns
from dfer_jax.runtime.json_text import parse_object
from dfer_jax.runtime.row_files import RowFile
from dfer_jax.shortages import in_words

DTYPES = ("float32", "float16")
_LARGEST = {"float32": np.inf, "float16": 65504.0}
_SAVE_EVERY = 64  # batches
_REMEDY = "delete it and run the same command again"


def checksum(backbone: PyTree, about: Mapping[str, Any]) -> str:
    """Returns the name of what a backbone computes.

    Args:
        backbone: its parameters and statistics.
        about: all else that its features depend on, JSON-ready.
    """
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for path, leaf in jax.tree_util.tree_leaves_with_path(backbone):
        digest.update(jax.tree_util.keystr(path).encode())
        digest.update(np.ascontiguousarray(leaf).tobytes())
    return digest.hexdigest()[:16]


def store_of(frames: PackedFrames, name: str) -> Path:
    """Returns where the features of these frames lie, whether they exist or not."""
    packed = Path(frames.path)
    return packed.parent / f"features_{name}" / f"{packed.stem}.npy"


def open_features(frames: PackedFrames, path: Path, *, width: int, dtype: str) -> RowFile | None:
    """Returns the file of the features; None if there is none, or of others, or it is damaged."""
    about = _about(frames, width, dtype)
    if not path.exists() or _read_progress(path) != about | {"done": len(frames)}:
        return None
    try:
        return RowFile(path, remedy=_REMEDY)
    except (OSError, ValueError):  # cut short, say: they are computed again
        return None


def extract(
    frames: PackedFrames,
    path: Path,
    compute: Callable[[np.ndarray], Float[np.ndarray, "b d"]],
    batches: Callable[[int], Iterable[tuple[np.ndarray, int]]],
    *,
    width: int,
    dtype: str,
) -> None:
    """Computes the features of all frames, going on where an earlier run was stopped.

    Another process that computes the same is waited for.

    Args:
        frames: of a split.
        path: of `store_of`.
        compute: frames uint8 [b, s, s, 3] to their features.
        batches: from the first row wanted to batches of frames, the last one padded, each with the
            number of its frames that count.
        width: d.
        dtype: in which they are kept; float16 halves the room and rounds to 11 bits.

    Raises:
        UserError: if there is no room for them or they cannot be written.
    """
    about, new = _about(frames, width, dtype), path.with_suffix(".building.npy")
    with (
        writing(path.parent, "name another folder by --config.data.cache_dir"),
        taking_turns(path.with_suffix(".lock"), what=str(path)),
    ):
        if open_features(frames, path, width=width, dtype=dtype) is not None:
            return
        start = _start_of(new, about)
        print(f"features of {len(frames):,} frames into {path} (once)")
        _fill(new, about, start, compute, batches)
        os.replace(new, path)
        os.replace(_progress_file(new), _progress_file(path))


def _start_of(new: Path, about: dict[str, Any]) -> int:
    """Frames that an earlier run has done; 0 with room for all, or UserError."""
    progress = _read_progress(new)
    done = progress.pop("done", 0) if new.exists() else 0
    if done and progress == about:
        return done
    free = shutil.disk_usage(new.parent).free
    needed = about["frames"] * about["width"] * np.dtype(about["dtype"]).itemsize
    if free < needed:
        raise UserError(
            f"{new.parent} has {in_words(free)} free, the features take {in_words(needed)}; make "
            "room, or name another folder by --config.data.cache_dir"
        )
    return 0


def _fill(new: Path, about: dict[str, Any], start: int, compute: Callable, batches: Callable):
    """Writes rows, not into mapped memory: a disk that fills up would kill the process."""
    dtype, largest = np.dtype(about["dtype"]), _LARGEST[about["dtype"]]
    done, total = start, about["frames"]
    with (
        open(new, "r+b" if start else "wb") as file,
        tqdm(total=total, initial=start, desc="features", unit=" frames") as bar,
    ):
        _begin(file, dtype, (total, about["width"]), start)
        for number, (pictures, count) in enumerate(batches(start), start=1):
            found = np.clip(compute(pictures)[:count], -largest, largest)
            file.write(found.astype(dtype).tobytes())
            done += count
            bar.update(count)
            if number % _SAVE_EVERY == 0 or done == total:
                file.flush()
                os.fsync(file.fileno())
                write_json(str(_progress_file(new)), about | {"done": done})


def _begin(file: IO[bytes], dtype: np.dtype, shape: tuple[int, int], start: int) -> None:
    """Writes the header of an `.npy` file and goes to where the row `start` begins."""
    described = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False}
    np.lib.format.write_array_header_1_0(file, described | {"shape": shape})
    file.truncate(file.seek(start * shape[1] * dtype.itemsize, os.SEEK_CUR))


def _about(frames: PackedFrames, width: int, dtype: str) -> dict[str, Any]:
    return {
        "dataset": frames.checksum,
        "frames": len(frames),
        "width": width,
        "dtype": dtype,
    }


def _progress_file(path: Path) -> Path:
    return path.with_suffix(".json")


def _read_progress(path: Path) -> dict[str, Any]:
    try:
        return parse_object(_progress_file(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
