"""Says how the faces of a built data set were cut out, where its builder was told."""

import tensorflow_datasets as tfds

from dfer_jax.data.source import newest_version
from dfer_jax.errors import UserError
from dfer_jax.video.faces import CropSettings


def crop_of(dataset: str, data_dir: str) -> CropSettings | None:
    """Returns the crop settings of a built data set; None if they are unknown.

    Raises:
        UserError: if it is not built in `data_dir`, or its metadata were changed.
    """
    folder = newest_version(dataset, data_dir)
    stored = (tfds.builder_from_directory(folder).info.metadata or {}).get("crop")
    if stored is None:
        return None
    try:
        return CropSettings.from_json(stored)
    except UserError as error:
        raise UserError(f"{folder / 'metadata.json'}: {error}; build the data set again") from error


def as_stored(dataset: str, data_dir: str) -> dict[str, dict[str, object]]:
    """Returns what a checkpoint says of the crops it was trained on; nothing if unknown.

    Raises:
        UserError: as `crop_of`.
    """
    crop = crop_of(dataset, data_dir)
    return {} if crop is None else {"crop": crop.to_json()}
