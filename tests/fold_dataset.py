"""A small built data set in five folds, fd1 to fd5."""

import clip_dataset
import numpy as np
import tensorflow_datasets as tfds

from dfer_jax.labels import CLASSES

CLIPS_PER_FOLD = 9


class FoldDataset(tfds.core.GeneratorBasedBuilder):
    """Clip c of fold f has number 9 (f - 1) + c, five frames, and label number % 7."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = (tfds.core.BuilderConfig(name="five"),)

    def _info(self):
        image = tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg")
        features = {
            "clip_id": tfds.features.Text(),
            "frames": tfds.features.Sequence(image),
            "num_frames": np.int32,
            "label": tfds.features.ClassLabel(names=list(CLASSES)),
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {f"fd{fold}": self._generate_examples(fold) for fold in range(1, 6)}

    def _generate_examples(self, fold):
        for clip in range((fold - 1) * CLIPS_PER_FOLD, fold * CLIPS_PER_FOLD):
            yield (
                clip,
                {
                    "clip_id": f"{clip:05d}",
                    "frames": [clip_dataset.jpeg_of(clip, frame) for frame in range(5)],
                    "num_frames": 5,
                    "label": clip % 7,
                },
            )


def build(data_dir):
    """Builds it and returns the fields of a run of seconds on it."""
    FoldDataset(data_dir=str(data_dir), file_format="array_record").download_and_prepare()
    return {
        "data.dataset": "fold_dataset/five",
        "data.data_dir": str(data_dir),
        "data.num_folds": 5,
        "data.segments": 4,
        "data.decode_size": 32,
        "model.image_size": 32,
        "model.width": 8,
        "model.attention": "none",  # little to trace
        "model.aux_stages": (),
        "loss.aux_weights": (),
        "train.batch_size": 12,
        "train.epochs": 2,
        "train.log_every_steps": 1,
        "eval.batch_size": 10,
    }
