"""The files of a run's checkpoints, as far as they can be judged without loading them.

`checkpoints/<step>` is one checkpoint. When it is on the disk, `checksums.sha256` is written in it,
in the form that `sha256sum --check` reads; a checkpoint without that file is an older version's, or
its run was killed just then, and is judged by what can be read of it: a run that goes on from it
writes them.
"""

import contextlib
import glob
import math
import os
import shutil
from typing import Any

from dfer_jax.runtime.durable_files import (
    clear_unfinished_file,
    replacing,
    sync_file,
    sync_folder,
)
from dfer_jax.runtime.file_facts import sha256
from dfer_jax.runtime.json_text import parse_object

SUMS_FILE = "checksums.sha256"
_ASIDE = "damaged-"
_DESCRIPTION = "_CHECKPOINT_METADATA"
_SCORES = os.path.join("metrics", "metrics")
_KINDS = {
    "model": dict,
    "classes": list,
    "preprocess": dict,
    "dataset": str,
    "source": str,
    "versions": dict,
}


class DamagedError(Exception):
    """What is wrong with a checkpoint, in plain words that follow "it is damaged: "."""


def checkpoint_dir(workdir: str) -> str:
    """Returns the absolute path of a work directory's checkpoints."""
    return os.path.join(os.path.abspath(workdir), "checkpoints")


def step_dir(workdir: str, step: int) -> str:
    """Returns the folder of one checkpoint."""
    return os.path.join(checkpoint_dir(workdir), str(step))


def steps(workdir: str) -> list[int]:
    """Returns the steps of which there is a checkpoint, damaged or not, in ascending order."""
    try:
        names = os.listdir(checkpoint_dir(workdir))
    except (FileNotFoundError, NotADirectoryError):
        return []
    numbers = [int(name) for name in names if name.isascii() and name.isdigit()]
    return sorted(n for n in numbers if os.path.isdir(step_dir(workdir, n)))


def finished(workdir: str) -> list[int]:
    """Returns the steps whose checkpoint was written to its end, with checksums."""
    return [
        n for n in steps(workdir) if os.path.exists(os.path.join(step_dir(workdir, n), SUMS_FILE))
    ]


def clear_unfinished(workdir: str) -> None:
    """Deletes what a killed import was writing; a checkpoint without checksums is set aside."""
    for step in set(steps(workdir)) - set(finished(workdir)):
        set_aside(workdir, step)
    for path in glob.glob("*.orbax-checkpoint-tmp*", root_dir=checkpoint_dir(workdir)):
        shutil.rmtree(os.path.join(checkpoint_dir(workdir), path))


def describe(folder: str) -> tuple[dict[str, Any], dict[str, float]]:
    """Returns the metadata and the scores of one checkpoint; a score is finite.

    Raises:
        DamagedError: if they are missing or not what `make_metadata` and `save` write.
    """
    about = _read(folder, _DESCRIPTION).get("custom_metadata")
    if not isinstance(about, dict) or not isinstance(about.get("format"), int):
        raise DamagedError(f"{_DESCRIPTION} does not say what it is of")
    if about["format"] == 1:
        _check_kinds(about)
    if not os.path.isdir(os.path.join(folder, "weights")):
        raise DamagedError("weights is missing")
    if about.get("source") != "trained":  # imported weights have neither scores nor optimiser
        return about, {}
    if not os.path.isdir(os.path.join(folder, "optimizer")):
        raise DamagedError("optimizer is missing")
    scores = _read(folder, _SCORES)
    for name, value in scores.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise DamagedError(f"{_SCORES} gives no number for {name}")
    return about, {k: float(v) for k, v in scores.items() if math.isfinite(v)}


def check_content(folder: str, *, without: str = "") -> bool:
    """Compares every file with its checksum; returns whether there are checksums.

    Args:
        folder: of one checkpoint.
        without: a part that is not looked at, such as "optimizer" where only weights are read.

    Raises:
        DamagedError: naming the first file that is missing or not as it was written.
    """
    sums = read_sums(folder)
    for name, written in (sums or {}).items():
        if without and name.startswith(without + os.sep):
            continue
        try:
            same = sha256(os.path.join(folder, name)) == written
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise DamagedError(f"{name} is missing") from error
        if not same:
            raise DamagedError(f"{name} is not as it was written")
    return sums is not None


def seal(folder: str) -> None:
    """Puts a finished checkpoint on the disk and writes its checksums.

    Raises:
        DamagedError: if what lies there is not a whole checkpoint.
        OSError: if it cannot be written.
    """
    describe(folder)
    clear_unfinished_file(os.path.join(folder, SUMS_FILE))  # no part of a checkpoint
    lines = []
    for where, _, names in os.walk(folder):
        for path in sorted(os.path.join(where, name) for name in names):
            sync_file(path)
            lines.append(f"{sha256(path)}  {os.path.relpath(path, folder)}\n")
        sync_folder(where)
    with replacing(os.path.join(folder, SUMS_FILE)) as file:
        file.writelines(lines)
    sync_folder(os.path.dirname(folder))


def seal_late(folder: str) -> None:
    """Seals a checkpoint that has just been loaded, if its run was killed before it could.

    Where that cannot be written, the next checkpoint says so.
    """
    if read_sums(folder) is None:
        with contextlib.suppress(OSError):
            seal(folder)


def set_aside(workdir: str, step: int) -> str:
    """Renames a damaged checkpoint so that nothing takes it for one; returns its new name.

    Raises:
        OSError: if it cannot be renamed.
    """
    name, number = f"{_ASIDE}{step}", 1
    while os.path.lexists(os.path.join(checkpoint_dir(workdir), name)):
        number += 1
        name = f"{_ASIDE}{step}-{number}"
    os.rename(step_dir(workdir, step), os.path.join(checkpoint_dir(workdir), name))
    sync_folder(checkpoint_dir(workdir))
    return name


def _check_kinds(about: dict[str, Any]) -> None:
    for field, kind in _KINDS.items():
        if not isinstance(about.get(field), kind):
            raise DamagedError(f"{_DESCRIPTION} does not give its {field}")
    model = about["model"]
    if not isinstance(model.get("name"), str) or not isinstance(model.get("kwargs"), dict):
        raise DamagedError(f"{_DESCRIPTION} does not give its model")
    if not all(isinstance(name, str) for name in about["classes"]):
        raise DamagedError(f"{_DESCRIPTION} does not give its classes")
    if not _are_rows(about.get("window", [])):
        raise DamagedError(f"{_DESCRIPTION} does not give its window")


def _are_rows(found: Any) -> bool:
    """Whether these are numbers by name, row after row."""
    rows = found if isinstance(found, list) else [None]
    return all(
        isinstance(row, dict) and all(isinstance(value, float) for value in row.values())
        for row in rows
    )


def _read(folder: str, name: str) -> dict[str, Any]:
    if not os.listdir(folder):
        raise DamagedError("its folder is empty")
    try:
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            return parse_object(file.read())
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise DamagedError(f"{name} is missing") from error
    except ValueError as error:  # also of the decoding
        raise DamagedError(f"{name} is not JSON") from error


def read_sums(folder: str) -> dict[str, str] | None:
    """Returns the sha256 of each file as written in a folder; None if none were written.

    Raises:
        DamagedError: if the list is none, or names a file outside the folder.
    """
    try:
        with open(os.path.join(folder, SUMS_FILE), encoding="utf-8") as file:
            lines = file.read().splitlines()
    except FileNotFoundError:
        return None
    except (ValueError, IsADirectoryError) as error:
        raise DamagedError(f"{SUMS_FILE} is no list of checksums") from error
    sums = {name: found for found, _, name in (line.partition("  ") for line in lines)}
    inside = all(n and not os.path.isabs(n) and ".." not in n.split(os.sep) for n in sums)
    if not sums or not inside or not all(len(found) == 64 for found in sums.values()):
        raise DamagedError(f"{SUMS_FILE} is no list of checksums")
    return sums
