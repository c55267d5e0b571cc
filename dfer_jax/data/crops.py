"""Says how the faces of a built data set were cut out, where its builder was told."""

from typing import Any

from dfer_jax.data.source import newest_version
from dfer_jax.errors import UserError
from dfer_jax.runtime.json_text import parse_object
from dfer_jax.video.faces import CropSettings

_METADATA_FILE = "metadata.json"  # as TFDS calls what a builder has to say of its data set


def crop_of(dataset: str, data_dir: str) -> dict[str, Any] | None:
    """Returns the crop settings of a built data set as they are stored; None if they are unknown.

    Raises:
        UserError: if it is not built in `data_dir`, or its metadata are damaged or were changed.
    """
    path = newest_version(dataset, data_dir) / _METADATA_FILE
    try:
        stored = parse_object(path.read_text(encoding="utf-8")).get("crop")
        return None if stored is None else CropSettings.from_json(stored).to_json()
    except FileNotFoundError:
        return None
    except (UserError, ValueError) as error:
        raise UserError(f"{path}: {error}; build the data set again") from error
