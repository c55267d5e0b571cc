"""What a builder says of its data set comes from its own folder, never from TFDS's storage."""

from typing import Any

import tensorflow_datasets as tfds


class LocalInfo:
    """Goes before a TFDS builder class."""

    def dataset_info_from_configs(self, **fields: Any) -> tfds.core.DatasetInfo:
        """Returns what TFDS does, less the search of its storage for what is not built yet.

        That finds nothing of ours, and leaves an empty temporary folder behind each time.
        """
        info = super().dataset_info_from_configs(**fields)
        info.initialize_from_bucket = _find_nothing
        return info


def _find_nothing() -> None:
    pass
