"""TFDS builder of DFEW (Jiang et al., ACM Multimedia 2020) from the release as granted.

Splits `fd1` .. `fd5` are the official test folds, so every clip is stored once; the training data
of fold k are the other four (`fd1+fd3+fd4+fd5` for k = 2). Frames keep the released bytes.
"""

from pathlib import Path
from typing import ClassVar

import tensorflow_datasets as tfds

from tfds_builders.clip_builder import ClipBuilder
from tfds_builders.dfew import clips
from tfds_builders.single_pass import SinglePass


class Builder(ClipBuilder):
    """DFEW, full-length (`full`) or 16-frame (`f16`) form."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "Single-labelled clips of DFEW release 1.0, five folds."}
    BUILDER_CONFIGS: ClassVar = [
        tfds.core.BuilderConfig(name="full", description="every face frame (clip_224x224)"),
        tfds.core.BuilderConfig(name="f16", description="16 face frames (clip_224x224_16f)"),
    ]
    HOMEPAGE = "https://dfew-dataset.github.io"
    DEFAULT_CONFIG_NAME = "full"
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    DFEW is granted on request to researchers (https://dfew-dataset.github.io): write from a
    university account and you receive archives and a password. Extract with that password, anywhere
    below one folder, and pass this folder as manual_dir:
      Clip/clip_224x224/clip_224x224_part_1.zip .. _part_11.zip     for dfew/full
      Clip/clip_224x224_16f.zip                                     for dfew/f16
      EmoLabel_DataSplit/test(single_labeled).zip                   for both
      EmoLabel_DataSplit/train(single_labeled).zip                  to have the folds compared
    """

    @classmethod
    def prepare(cls, manual_dir: Path, *, config: str, allow_missing: bool) -> SinglePass:
        """Finds the release and reads its lists, see `ClipBuilder.prepare`."""
        return clips.prepare(manual_dir, form=config, allow_missing=allow_missing)
