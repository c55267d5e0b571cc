"""Says how the faces of a built data set were cut out, where its builder was told."""

from typing import Any

from dfer_jax.data.records import open_built
from dfer_jax.data.source import newest_version
from dfer_jax.errors import UserError
from dfer_jax.video.faces import CropSettings


def crop_of(dataset: str, data_dir: str) -> dict[str, Any] | None:
    """Returns the crop settings of a built data set as they are stored; None if they are unknown.

    Raises:
        UserError: if it is not built in `data_dir`, or its metadata were changed.
    """
    folder = newest_version(dataset, data_dir)
    stored = (open_built(folder).info.metadata or {}).get("crop")
    if stored is None:
        return None
    try:
        return CropSettings.from_json(stored).to_json()
    except UserError as error:
        raise UserError(f"{folder / 'metadata.json'}: {error}; build the data set again") from error
