"""TFDS builder of Aff-Wild2 (Kollias and Zafeiriou) as handed out for the ABAW competitions.

An example, so one record, is one face followed through one video: all its aligned crops in their
released bytes, their true frame numbers, and a label for each. Frames of which the release has no
crop are not in it and their numbers are skipped; frames that nobody annotated are in it, labelled
-1 and not `valid`.

Records are large and read whole: at some 4 kB for a crop of 112x112 pixels, the median video of
3,900 frames has 16 MB, the longest of 47,400 has 200 MB. So read each once and take all its windows
from memory, or decode the data set into a store first. A build holds one shard, a video alone if
that has more than 4,096 frames, several times over: 1.4 GB for the longest; reading it takes 1 GB.
"""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from tfds_builders.aff_wild2 import clips
from tfds_builders.aff_wild2.annotations import ACTION_UNITS, EXPRESSIONS
from tfds_builders.clip_builder import ClipBuilder
from tfds_builders.single_pass import SinglePass


class Builder(ClipBuilder):
    """Aff-Wild2, every frame labelled with an expression (`expr`) or with action units (`au`)."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "Expressions and action units of all editions."}
    BUILDER_CONFIGS: ClassVar = [
        tfds.core.BuilderConfig(name="expr", description="an expression for every frame"),
        tfds.core.BuilderConfig(name="au", description="twelve action units for every frame"),
    ]
    HOMEPAGE = "https://ibug.doc.ic.ac.uk/resources/aff-wild2/"
    DEFAULT_BUILDER_CONFIG_NAME = "expr"
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Aff-Wild2 is granted to researchers after an academic with a permanent position has signed an
    agreement (https://ibug.doc.ic.ac.uk/resources/aff-wild2/). Extract, anywhere below one folder,
    the annotations of one edition and the aligned crops, and pass this folder as manual_dir:
      annotations/EXPR_Set, or EXPR_Classification_Challenge, ...    for aff_wild2/expr
      annotations/AU_Set, or AU_Detection_Challenge, ...             for aff_wild2/au
      cropped_aligned (and cropped_aligned_new_50_vids)              for both
    """

    @classmethod
    def prepare(cls, manual_dir: Path, *, config: str, allow_missing: bool) -> SinglePass:
        """Finds the release and reads its annotations, see `ClipBuilder.prepare`."""
        return clips.prepare(manual_dir, track=config, allow_missing=allow_missing)

    def label_features(self) -> dict[str, Any]:
        """Returns the labels of every frame; -1 where not annotated."""
        if self.builder_config.name == "expr":
            one = tfds.features.ClassLabel(names=EXPRESSIONS)
            labels = tfds.features.Sequence(one, doc="-1 if not annotated")
        else:
            labels = tfds.features.Tensor(
                shape=(None, len(ACTION_UNITS)),
                dtype=np.int8,
                doc=f"1 if active, 0 if not, -1 if not annotated: {', '.join(ACTION_UNITS)}",
            )
        valid = tfds.features.Tensor(
            shape=(None,), dtype=np.bool_, doc="whether the frame has a complete label"
        )
        return {clips.FEATURES[self.builder_config.name]: labels, "valid": valid}

    def extra_features(self) -> dict[str, Any]:
        """Returns who is seen in which frames of which video."""
        return {
            "group": tfds.features.Text(doc="the video; both faces of one share it"),
            "subject": tfds.features.Text(doc="left or right of two faces; else empty"),
            "frame_numbers": tfds.features.Tensor(
                shape=(None,), dtype=np.int32, doc="from 1, ascending, with holes"
            ),
            "num_rows": tfds.features.Scalar(
                np.int32, doc="rows of the annotation file, with a picture or not"
            ),
        }
