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
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, PyTree
from tqdm import tqdm

from dfer_jax.errors import UserError
from dfer_jax.frames.packed import PackedFrames
from dfer_jax.runtime.durable_files import write_json
from dfer_jax.runtime.file_lock import taking_turns
from dfer_jax.runtime.json_text import parse_object
from dfer_jax.runtime.numpy_files import map_npy

DTYPES = ("float32", "float16")
_LARGEST = {"float32": np.inf, "float16": 65504.0}
_SAVE_EVERY = 64  # batches


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


def open_features(
    frames: PackedFrames, path: Path, *, width: int, dtype: str
) -> Float[np.ndarray, "n d"] | None:
    """Returns the features mapped into memory, read-only; None if there are none, or of others."""
    about = _about(frames, width, dtype)
    if not path.exists() or _read_progress(path) != about | {"done": len(frames)}:
        return None
    return np.asarray(map_npy(path))


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
    try:
        with taking_turns(path.with_suffix(".lock"), what=str(path)):
            if open_features(frames, path, width=width, dtype=dtype) is not None:
                return
            start = _start_of(new, about)
            print(f"features of {len(frames):,} frames into {path} (once)")
            _fill(new, about, start, compute, batches)
            os.replace(new, path)
            write_json(str(_progress_file(path)), about | {"done": len(frames)})
            _progress_file(new).unlink()
    except OSError as error:
        raise UserError(
            f"the features cannot be written to {path.parent} ({error.strerror}); name another "
            "folder by --config.data.cache_dir"
        ) from error


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
            f"{new.parent} has {free / 2**30:.1f} GiB free, the features take "
            f"{needed / 2**30:.1f}; name another folder by --config.data.cache_dir"
        )
    return 0


def _fill(new: Path, about: dict[str, Any], start: int, compute: Callable, batches: Callable):
    shape, dtype = (about["frames"], about["width"]), about["dtype"]
    if start:
        rows = map_npy(new, mode="r+")
    else:
        rows = np.lib.format.open_memmap(new, "w+", dtype=np.dtype(dtype), shape=shape)
    done, largest = start, _LARGEST[dtype]
    with tqdm(total=len(rows), initial=start, desc="features", unit=" frames") as bar:
        for number, (pictures, count) in enumerate(batches(start), start=1):
            found = compute(pictures)[:count]
            rows[done : done + count] = np.clip(found, -largest, largest)
            done += count
            bar.update(count)
            if number % _SAVE_EVERY == 0:
                rows.flush()
                write_json(str(_progress_file(new)), about | {"done": done})
    rows.flush()
    write_json(str(_progress_file(new)), about | {"done": done})


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
