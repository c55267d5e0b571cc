"""TFDS builder of one's own data: videos or frame folders, labelled by a table.

    dfer build video_folder/smiles --manual_dir my_videos

The README beside this file describes the table.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from tfds_builders.clip_builder import ClipBuilder
from tfds_builders.single_pass import SinglePass
from tfds_builders.video_folder import clips
from tfds_builders.video_folder.classes import require_classes


class Builder(ClipBuilder):
    """Videos or frame folders of one's own; each configuration is a data set of another name."""

    VERSION = tfds.core.Version("1.1.0")
    RELEASE_NOTES: ClassVar = {
        "1.1.0": "Any classes: those of the table, not always the canonical seven.",
        "1.0.0": "First release.",
    }
    BUILDER_CONFIGS: ClassVar = [
        tfds.core.BuilderConfig(name="default", description="unless another name is given")
    ]
    ANY_CONFIG: ClassVar = True
    DEFAULT_BUILDER_CONFIG_NAME = "default"
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Put videos, or one folder of numbered images per clip, below one folder, and beside them a table
    labels.csv with the columns path,label and, if you like, split and group. Pass this folder as
    manual_dir.
    """

    OPTIONS: ClassVar = ("classes",)

    def __init__(self, *, classes: Sequence[str] = (), **kwargs: Any):
        """Takes the classes in their order, where not the table alone shall decide them."""
        self._classes = tuple(classes)
        super().__init__(**kwargs)

    @classmethod
    def prepare(
        cls, manual_dir: Path, *, config: str, allow_missing: bool, classes: Sequence[str] = ()
    ) -> SinglePass:
        """Reads the table and finds its clips, see `ClipBuilder.prepare`."""
        del config  # only the data set's name
        if classes:
            classes = require_classes(classes)
        return clips.prepare(manual_dir, allow_missing=allow_missing, classes=classes)

    def options(self) -> dict[str, Any]:
        """Returns the classes stated, see `ClipBuilder.options`."""
        return {"classes": self._classes}

    def class_names(self) -> None:
        """Leaves the classes to the table, see `ClipBuilder.class_names`."""
        return

    def extra_features(self) -> dict[str, Any]:
        """Returns the features `group` and `fps`."""
        return {
            "group": tfds.features.Text(doc="person or film of the table; empty if none"),
            "fps": tfds.features.Scalar(np.float32, doc="frames per second; 0 for frame folders"),
        }
