"""Under which terms weights may be used, as far as they, or the authors of their data, say."""

import os
import re
from collections.abc import Mapping
from typing import Any

from dfer_jax.runs import pretrained_folder

RENDERED = ("synthetic",)
"""How names of data sets begin that are rendered here."""
_OF_DATA = {  # what is published of the data; of others it is said to ask
    "ravdess": "CC BY-NC-SA 4.0",
    "cremad": "ODbL 1.0 for the database, DbCL 1.0 for its contents",
}


def in_words(metadata: Mapping[str, Any], license_name: str = "") -> list[str]:
    """Returns what is known: of the weights, of the training data, of those who published them.

    Args:
        metadata: of the checkpoint.
        license_name: under which the weights are given away, e.g. "mit"; "" if that is open.
    """
    data, release = metadata["dataset"].partition("/")[0].lower(), metadata.get("release")
    weights = license_name or "not chosen yet by whoever gives these away; ask"
    if release:
        known = "; ".join(release["terms"])
    elif data.startswith(RENDERED):
        known = "rendered by dfer_jax, no terms of others"
    elif data in _OF_DATA:
        known = f"{metadata['dataset']}: {_OF_DATA[data]}"
    else:
        known = (
            f"{metadata['dataset'] or 'not named'}: under the terms of its authors, which hold for "
            "what is trained on it too where they say so"
        )
    lines = [f"Weights: {weights}.", f"Training data: {known}."]
    if metadata["source"] != "trained":
        lines.append(
            f"Origin: the file {metadata['source']}, under the terms of those who published it."
        )
    if release:
        lines += [
            f"Code of the network: {release['code']}, {release['code_license']}; no licence of "
            "the weights is stated apart from it.",
            "Weights learned from face data that is for research only: commercial use is not "
            "cleared, and they are not for identifying or judging individuals.",
        ]
    return lines


def license_of(folder: str) -> str:
    """Returns the licence on the card of a pretrained folder; "" if it names none.

    Args:
        folder: a pretrained folder, a run, or imported weights.
    """
    path = os.path.join(folder, pretrained_folder.CARD)
    if not pretrained_folder.is_one(folder) or not os.path.isfile(path):
        return ""
    with open(path, encoding="utf-8", errors="replace") as file:
        found = re.search(r'^license: "?([^"\n]+)', file.read(4096), re.MULTILINE)
    return found[1] if found and found[1] != "other" else ""
