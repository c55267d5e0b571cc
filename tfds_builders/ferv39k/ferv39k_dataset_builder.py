"""TFDS builder of FERV39k (Wang et al., CVPR 2022) from the release as granted.

Splits `train` and `test` are the official lists over all scenes. The release's lists of one scene
are taken to be their rows of that scene. Frames are the face crops and keep the released bytes.
"""

from pathlib import Path
from typing import Any, ClassVar

import tensorflow_datasets as tfds

from tfds_builders.clip_builder import ClipBuilder
from tfds_builders.ferv39k import clips
from tfds_builders.ferv39k.scenes import SCENES
from tfds_builders.single_pass import SinglePass

_ALL = "all_scenes"


class Builder(ClipBuilder):
    """FERV39k, face crops, all 22 scenes (`all_scenes`) or one of them (`Action` .. `War`)."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "Face crops of all clips in the official lists."}
    BUILDER_CONFIGS: ClassVar = [
        tfds.core.BuilderConfig(name=_ALL, description="all 22 scenes"),
        *(tfds.core.BuilderConfig(name=name, description=f"scene {name}") for name in SCENES),
    ]
    HOMEPAGE = "https://wangyanckxx.github.io/Proj_CVPR2022_FERV39k.html"
    DEFAULT_BUILDER_CONFIG_NAME = _ALL
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    FERV39k is granted on request to researchers
    (https://wangyanckxx.github.io/Proj_CVPR2022_FERV39k.html): write from a university account and
    you receive links. Extract these anywhere below one folder and pass this folder as manual_dir:
      2_ClipsforFaceCrop    the face crops
      4_setups              the lists All_scenes/train_All.csv and test_All.csv
    """

    @classmethod
    def prepare(cls, manual_dir: Path, *, config: str, allow_missing: bool) -> SinglePass:
        """Finds the release and reads its lists, see `ClipBuilder.prepare`."""
        scene = None if config == _ALL else config
        return clips.prepare(manual_dir, scene=scene, allow_missing=allow_missing)

    def extra_features(self) -> dict[str, Any]:
        """Returns the scene, with the same numbers in every configuration."""
        return {"scene": tfds.features.ClassLabel(names=SCENES)}
