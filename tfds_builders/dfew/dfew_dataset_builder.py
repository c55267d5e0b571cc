"""TFDS builder of DFEW (Jiang et al., ACM Multimedia 2020) from the release as granted.

Splits `fd1` .. `fd5` are the official test folds, so every clip is stored once; the training data
of fold k are the other four (`fd1+fd3+fd4+fd5` for k = 2). Face frames keep the released bytes;
videos are decoded and stored as JPEG frames.
"""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from dfer_jax.labels import CLASSES
from tfds_builders.clip_builder import ClipBuilder
from tfds_builders.dfew import clips
from tfds_builders.single_pass import SinglePass


class Builder(ClipBuilder):
    """DFEW: all face frames (`full`), 16 of them (`f16`), or the film clips (`original`)."""

    VERSION = tfds.core.Version("1.1.0")
    RELEASE_NOTES: ClassVar = {
        "1.0.0": "Single-labelled clips of DFEW release 1.0, five folds.",
        "1.1.0": "The original form; the votes of the annotators.",
    }
    BUILDER_CONFIGS: ClassVar = [
        tfds.core.BuilderConfig(name="full", description="every face frame (clip_224x224)"),
        tfds.core.BuilderConfig(name="f16", description="16 face frames (clip_224x224_16f)"),
        tfds.core.BuilderConfig(
            name="original",
            description="every frame of the film clips (original/*.mp4), faces not cropped; "
            "shorter side at most 256 pixels, JPEG quality 95",
        ),
    ]
    HOMEPAGE = "https://dfew-dataset.github.io"
    DEFAULT_BUILDER_CONFIG_NAME = "full"
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    DFEW is granted on request to researchers (https://dfew-dataset.github.io): write from a
    university account and you receive archives and a password. Extract with that password, anywhere
    below one folder, and pass this folder as manual_dir:
      Clip/clip_224x224/clip_224x224_part_1.zip .. _part_11.zip     for dfew/full
      Clip/clip_224x224_16f.zip                                     for dfew/f16
      Clip/original/data_part_1-2-3.zip .. data_part_10-11.zip      for dfew/original
      EmoLabel_DataSplit/test(single_labeled).zip                   for all three
      EmoLabel_DataSplit/train(single_labeled).zip                  to have the folds compared
      Annotation/annotation.zip                                     to have the votes too
    """

    def extra_features(self) -> dict[str, Any]:
        """Returns the votes and, of videos, the frame rate."""
        votes = tfds.features.Tensor(
            shape=(len(CLASSES),), dtype=np.int32, doc="of ten annotators; zeros if not known"
        )
        if self.builder_config.name != "original":
            return {"votes": votes}
        fps = tfds.features.Scalar(np.float32, doc="frames per second; 0 if unknown")
        return {"votes": votes, "fps": fps}

    @classmethod
    def prepare(cls, manual_dir: Path, *, config: str, allow_missing: bool) -> SinglePass:
        """Finds the release and reads its lists, see `ClipBuilder.prepare`."""
        return clips.prepare(manual_dir, form=config, allow_missing=allow_missing)
