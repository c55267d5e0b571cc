"""TFDS builder of CREMA-D (Cao et al., IEEE Transactions on Affective Computing 2014).

Splits `fd1` .. `fd5` are the test folds of MAE-DFER and HiCMAE, 18 or 19 actors each, so every clip
is stored once; the training data of fold k are the other four.
"""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from tfds_builders.clip_builder import ClipBuilder
from tfds_builders.cremad import clips
from tfds_builders.cremad.names import INTENSITIES, SENTENCES
from tfds_builders.single_pass import SinglePass


class Builder(ClipBuilder):
    """CREMA-D, labelled by what the actor was asked to show, or by what viewers saw."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "Labels as asked and as seen, five folds by actor."}
    BUILDER_CONFIGS: ClassVar = [
        tfds.core.BuilderConfig(name="asked", description="what the actor was told to show"),
        tfds.core.BuilderConfig(
            name=clips.REPAIRED, description="likewise, with the four that are broken at the source"
        ),
        tfds.core.BuilderConfig(
            name="seen", description="what most viewers of the face alone saw, without ties"
        ),
    ]
    HOMEPAGE = "https://github.com/CheyneyComputerScience/CREMA-D"
    DEFAULT_BUILDER_CONFIG_NAME = "asked"
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    CREMA-D is open to everybody (Open Database License 1.0):
      git lfs install
      git clone https://github.com/CheyneyComputerScience/CREMA-D
    Pass the clone, or any folder that holds these, as manual_dir:
      VideoFlash/*.flv                        videos, or folders of face crops named as they are
      processedResults/summaryTable.csv       for cremad/seen
      VideoDemographics.csv                   to have the actors' age and sex too
    Without git-lfs, and in a ZIP download, the videos are three lines of text each.
    """

    def class_names(self) -> tuple[str, ...]:
        """Returns the six classes, the same in both configurations."""
        return clips.CLASS_NAMES

    def extra_features(self) -> dict[str, Any]:
        """Returns what a name says besides the class, age and sex, and the frame rate."""
        number, text = tfds.features.Scalar, tfds.features.Text
        return {
            "intensity": tfds.features.ClassLabel(names=INTENSITIES),
            "sentence": tfds.features.ClassLabel(names=SENTENCES),
            "actor": number(np.int32, doc="1001..1091"),
            "group": text(doc="the actor"),
            "age": number(np.int32, doc="of the actor in years; 0 if not known"),
            "sex": text(doc="of the actor, as the release words it; empty if not known"),
            "fps": number(np.float32, doc="frames per second; 0 for frame folders"),
        }

    @classmethod
    def prepare(cls, manual_dir: Path, *, config: str, allow_missing: bool) -> SinglePass:
        """Finds the clips and reads the votes, see `ClipBuilder.prepare`."""
        return clips.prepare(manual_dir, config=config, allow_missing=allow_missing)
