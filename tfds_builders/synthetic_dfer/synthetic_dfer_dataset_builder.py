"""The TFDS builder of `synthetic_dfer`: rendered dynamic facial expressions with ground truth."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from tqdm import tqdm

from dfer_jax.labels import ACTION_UNITS, CLASSES, EXPRESSIONS
from dfer_jax.runtime.cores import usable_cores
from tfds_builders.local_info import LocalInfo
from tfds_builders.synthetic_dfer import clips, configs, videos


class Builder(LocalInfo, tfds.core.GeneratorBasedBuilder):
    """Rendered faces, seven expressions, known intensity; nothing is downloaded."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}  # noqa: RUF012
    DEFAULT_BUILDER_CONFIG_NAME = "tiny"
    BUILDER_CONFIGS = configs.CONFIGS

    def __init__(
        self, *, num_processes: int | None = None, file_format: str | None = None, **kwargs
    ):
        """Creates the builder.

        Args:
            num_processes: processes that render; all cores if None. The result does not depend
                on it.
            file_format: record format; by default that of what is built already, else
                ArrayRecord, readable without TensorFlow.
            **kwargs: `config`, `data_dir` and so on, passed to TFDS.
        """
        self._num_processes = num_processes or usable_cores()
        super().__init__(file_format=file_format, **kwargs)
        if file_format is None and not self.is_prepared():
            self.info.set_file_format("array_record", override=True)

    def _info(self) -> tfds.core.DatasetInfo:
        features = _video_features() if self._has_videos else _clip_features()
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features),
            supervised_keys=None,
            homepage="http://www.makehumancommunity.org",
        )

    @property
    def _has_videos(self) -> bool:
        return isinstance(self.builder_config, configs.VideosConfig)

    def _split_generators(self, dl_manager):
        del dl_manager  # nothing to download
        return {name: self._generate_examples(name) for name in ("train", "test")}

    def _generate_examples(self, name: str) -> Iterator[tuple[str, dict[str, object]]]:
        split = self.builder_config.split_plan(name)
        if self._has_videos:
            plans, make, unit = videos.plan_videos(split), videos.make_videos, "video"
        else:
            plans, make, unit = clips.plan_clips(split), clips.make_clips, "clip"
        # Starting a process takes seconds, so a few frames are made right here.
        processes = self._num_processes if sum(plan.frames for plan in plans) > 1400 else 1
        examples = make(plans, processes=processes)
        made = []
        for example in tqdm(examples, f"render {name}", total=len(plans), unit=unit):
            yield str(example["clip_id"]), example
            made.append({key: value for key, value in example.items() if key != "frames"})
        print((videos if self._has_videos else clips).summary(name, made))


def _clip_features() -> dict[str, Any]:
    """Returns the features of clips that show one expression each."""
    label = tfds.features.ClassLabel(names=CLASSES)
    return _shared_features() | {
        "label": label,
        "clean_label": label,
        "peak_intensity": tfds.features.Scalar(np.float32),
        "apex": tfds.features.Scalar(np.int32),
        "identity": tfds.features.Scalar(np.int32),
    }


def _video_features() -> dict[str, Any]:
    """Returns the features of videos, those of `aff_wild2` and the truth."""
    expression = tfds.features.ClassLabel(names=EXPRESSIONS)
    return _shared_features() | {
        "group": tfds.features.Text(doc="the person; all videos of one share it"),
        "subject": tfds.features.Text(doc="empty: one face in a video"),
        "frame_numbers": tfds.features.Tensor(
            shape=(None,), dtype=np.int32, doc="from 1, ascending, with holes"
        ),
        "num_rows": tfds.features.Scalar(np.int32, doc="frames, with a picture or not"),
        "expressions": tfds.features.Sequence(expression, doc="-1 if not annotated"),
        "action_units": tfds.features.Tensor(
            shape=(None, len(ACTION_UNITS)),
            dtype=np.int8,
            doc=f"1 if active, 0 if not, -1 if not annotated: {', '.join(ACTION_UNITS)}",
        ),
        "valid": tfds.features.Tensor(
            shape=(None,), dtype=np.bool_, doc="whether the frame is annotated"
        ),
    }


def _shared_features() -> dict[str, Any]:
    frame = tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg")
    return {
        "clip_id": tfds.features.Text(),
        "frames": tfds.features.Sequence(frame),
        "num_frames": tfds.features.Scalar(np.int32),
        "intensity": tfds.features.Sequence(tfds.features.Scalar(np.float32)),
    }
