"""Weights that lie elsewhere and are only evaluated: which they are, without reading them."""

import os
from typing import Any

from dfer_jax.runs import checkpoint, checkpoint_damage, checkpoint_files, pretrained_folder
from dfer_jax.runs.checkpoint_files import SUMS_FILE, DamagedError, step_dir
from dfer_jax.runtime.file_facts import sha256


def identity(folder: str, step: int) -> dict[str, Any]:
    """Returns what tells one checkpoint from another, JSON-ready: folder, step, checksum.

    Args:
        folder: a run, imported weights or a pretrained folder, intact.
        step: of the checkpoint.
    """
    here = folder if pretrained_folder.is_one(folder) else step_dir(folder, step)
    path = os.path.join(here, SUMS_FILE)
    sums = sha256(path) if os.path.exists(path) else ""  # checkpoints of earlier versions
    return {"folder": folder, "step": step, "sums": sums}


def describe(folder: str) -> dict[str, Any]:
    """Returns the metadata of the latest checkpoint of a folder.

    Args:
        folder: a run, imported weights or a pretrained folder.

    Raises:
        UserError: if it has none, or it is damaged.
    """
    if pretrained_folder.is_one(folder):
        return pretrained_folder.describe(folder)
    step = checkpoint.list_checkpoints(folder, best_metric="")["last"]
    try:
        return checkpoint_files.describe(step_dir(folder, step))[0]
    except DamagedError as damage:
        raise checkpoint_damage.refused(folder, step, damage) from damage
