"""TFDS builder of RAVDESS (Livingstone and Russo, PLOS ONE 2018) from its video archives.

Splits `fd1` .. `fd6` are the test folds of MAE-DFER and HiCMAE, four actors each, so every trial is
stored once; the training data of fold k are the other five. Each recording is taken once, although
the release has it with sound, without, and as sound alone.
"""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from tfds_builders.clip_builder import ClipBuilder
from tfds_builders.ravdess import clips
from tfds_builders.ravdess.names import CHANNELS, INTENSITIES
from tfds_builders.single_pass import SinglePass


class Builder(ClipBuilder):
    """RAVDESS: spoken trials (`speech`), sung ones (`song`), or both (`all`)."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "Trials of speech and song, six folds by actor."}
    BUILDER_CONFIGS: ClassVar = [
        tfds.core.BuilderConfig(name="speech", description="spoken, eight classes, 1,440 trials"),
        tfds.core.BuilderConfig(name="song", description="sung, six classes, 1,012 trials"),
        tfds.core.BuilderConfig(name="all", description="spoken and sung, 2,452 trials"),
    ]
    HOMEPAGE = "https://zenodo.org/records/1188976"
    DEFAULT_BUILDER_CONFIG_NAME = "speech"
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    RAVDESS is open to everybody for non-commercial use (CC BY-NC-SA 4.0): download from
    https://zenodo.org/records/1188976, extract anywhere below one folder, and pass this folder as
    manual_dir:
      Video_Speech_Actor_01.zip .. _24.zip                    for ravdess/speech
      Video_Song_Actor_01.zip .. _24.zip, without actor 18    for ravdess/song
    Folders of face crops, named as the videos (02-01-06-01-02-01-12), are built in the same way.
    """

    def class_names(self) -> tuple[str, ...]:
        """Returns the classes of the configuration."""
        return clips.class_names(self.builder_config.name)

    def extra_features(self) -> dict[str, Any]:
        """Returns what a name says besides the class, and the frame rate."""
        number = tfds.features.Scalar
        return {
            "intensity": tfds.features.ClassLabel(names=INTENSITIES),
            "channel": tfds.features.ClassLabel(names=CHANNELS),
            "statement": number(np.int32, doc="1 kids, 2 dogs"),
            "repetition": number(np.int32, doc="1 or 2"),
            "actor": number(np.int32, doc="1..24, odd male, even female"),
            "group": tfds.features.Text(doc="the actor"),
            "fps": number(np.float32, doc="frames per second; 0 for frame folders"),
        }

    @classmethod
    def prepare(cls, manual_dir: Path, *, config: str, allow_missing: bool) -> SinglePass:
        """Finds the trials, see `ClipBuilder.prepare`."""
        return clips.prepare(manual_dir, config=config, allow_missing=allow_missing)
