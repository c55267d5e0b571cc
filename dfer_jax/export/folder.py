"""A run's last weights as a pretrained folder."""

import os

from dfer_jax.errors import UserError, writing
from dfer_jax.export.card import card_of
from dfer_jax.runs import checkpoint, pretrained_folder
from dfer_jax.runs.workdir_lock import is_unused
from dfer_jax.runtime.durable_files import new_folder


def write_folder(run: str, out: str, *, license_name: str = "") -> dict[str, str]:
    """Writes a pretrained folder and returns the sha256 of each of its files.

    It is read back before this returns.

    Args:
        run: work directory of a run, imported weights, or a pretrained folder.
        out: a new folder.
        license_name: for the card; "" if it is open.

    Raises:
        UserError: if there are no intact weights, they are of a part of a network, or `out` is not
            empty or cannot be written.
    """
    prepare(out)
    step = checkpoint.list_checkpoints(run, best_metric="")["last"]
    variables, metadata = checkpoint.load_weights(run, step)
    if not {"segments", "window"} & set(metadata["preprocess"]):
        raise UserError(
            f"the weights in {run} are a part of a network, which judges no clips by itself; train "
            "a run that starts from them, or import all files of the network"
        )
    card = card_of(run, license_name=license_name)
    with writing(out, "choose another --out"), new_folder(out) as folder:
        sums = pretrained_folder.write(folder, variables, metadata, step=step, card=card)
    pretrained_folder.read(out)
    return sums


def prepare(out: str) -> None:
    """Refuses a folder that something lies in, or that is none.

    Raises:
        UserError: if it does, or is not.
    """
    if not out:
        raise UserError("--out has no name; give that of a new folder")
    if os.path.lexists(out) and not os.path.isdir(out):
        raise UserError(f"{out} is a file; choose a new folder for --out")
    if os.path.isdir(out) and not is_unused(out):
        raise UserError(f"{out} exists and is not empty; choose a new --out")
