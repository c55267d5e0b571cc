"""TFDS builder of MAFW (Liu et al., ACM Multimedia 2022) from the release as granted.

Splits `fd1` .. `fd5` are the official test folds, read from the user's lists, so every clip is
stored once; the training data of fold k are the other four. Single and compound labels have folds
of their own. Face frames keep the released bytes; videos are decoded and stored as JPEG frames.
"""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from tfds_builders.clip_builder import ClipBuilder
from tfds_builders.mafw import clips
from tfds_builders.mafw.labels import KINDS
from tfds_builders.single_pass import SinglePass

_ABOUT = {
    "single": "eleven classes, 9,172 clips",
    "compound": "43 classes, 8,996 clips",
    "seven": "the 7,576 clips of the single set with one of the canonical seven",
}
_CLIPS = "_clips"  # ends the name of a configuration that is built of videos


class Builder(ClipBuilder):
    """MAFW: eleven classes, 43 compound ones, or seven; of face frames or of whole scenes."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "Single, compound and seven classes, official folds."}
    BUILDER_CONFIGS: ClassVar = [
        *(
            tfds.core.BuilderConfig(name=kind, description=f"{about}, face frames")
            for kind, about in _ABOUT.items()
        ),
        *(
            tfds.core.BuilderConfig(
                name=f"{kind}{_CLIPS}", description=f"{about}, whole scenes, faces not cropped"
            )
            for kind, about in _ABOUT.items()
        ),
    ]
    HOMEPAGE = "https://mafw-database.github.io/MAFW/"
    DEFAULT_BUILDER_CONFIG_NAME = "single"
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    MAFW is granted on request to researchers (https://mafw-database.github.io/MAFW/). Extract
    anywhere below one folder, and pass this folder as manual_dir:
      data/frames.zip     face frames, for mafw/single, mafw/compound and mafw/seven
      data/clips.zip      videos of whole scenes, for the same with _clips at the end of the name
      Train & Test Set    the lists no_caption/set_1 .. set_5 of single or compound
    """

    def class_names(self) -> tuple[str, ...]:
        """Returns the classes of the configuration."""
        return KINDS[_kind(self.builder_config.name)]

    def extra_features(self) -> dict[str, Any]:
        """Returns, of videos, the frame rate."""
        if not self.builder_config.name.endswith(_CLIPS):
            return {}
        return {"fps": tfds.features.Scalar(np.float32, doc="frames per second; 0 if unknown")}

    @classmethod
    def prepare(cls, manual_dir: Path, *, config: str, allow_missing: bool) -> SinglePass:
        """Finds the release and reads its lists, see `ClipBuilder.prepare`."""
        source = "clips" if config.endswith(_CLIPS) else "frames"
        return clips.prepare(
            manual_dir, kind=_kind(config), source=source, allow_missing=allow_missing
        )


def _kind(config: str) -> str:
    return config.removesuffix(_CLIPS)
