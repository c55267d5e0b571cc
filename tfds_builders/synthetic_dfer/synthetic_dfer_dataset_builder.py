"""The TFDS builder of `synthetic_dfer`: rendered dynamic facial expressions with ground truth."""

import collections
import dataclasses
from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds
from tqdm import tqdm

from dfer_jax.cores import usable_cores
from dfer_jax.labels import CLASSES
from tfds_builders.synthetic_dfer import clips

_EVEN = (1.0,) * len(CLASSES)
_DFEW = (2445.0, 1894.0, 2669.0, 2173.0, 1469.0, 145.0, 902.0)
"""Clips per class in DFEW's five folds together, in the order of `CLASSES`: 1.2 % disgust."""
_CLEAR = ((0.88, (0.8, 1.0)), (0.12, (0.2, 0.8)))
_UNIFORM = ((1.0, (0.03, 1.0)),)
_TEST_IDENTITIES_FROM = 10_000  # numbers of test identities start here, whatever the training set


@dataclasses.dataclass(eq=False, kw_only=True)
class SyntheticConfig(tfds.core.BuilderConfig):
    """What a configuration contains.

    Attributes:
        train_clips: clips in `train`.
        test_clips: clips in `test`.
        train_identities: people in `train`.
        test_identities: people in `test`; none of them appears in `train`.
        frames: least (at most 15) and largest (at least 17) number of frames of a clip.
        peaks: mixture of uniform ranges the peak intensity of a clip is drawn from, as pairs
            (share of clips, (least, largest)); intensity 1 is a clear apex.
        shares: class prior of `train`, in the order of `CLASSES`.
        test_shares: class prior of `test`.
        label_noise: share of training clips whose `label` is wrong.
        nuisance: strength of everything that is not the expression (pose, head motion, speech,
            light, blur, noise, occlusion), 0 to 1.
        seed_name: configurations of one seed name hold the same people and, as far as sizes and
            priors agree, the same clips.
    """

    train_clips: int
    test_clips: int
    train_identities: int
    test_identities: int
    frames: tuple[int, int]
    peaks: tuple[tuple[float, tuple[float, float]], ...]
    shares: tuple[float, ...] = _EVEN
    test_shares: tuple[float, ...] = _EVEN
    label_noise: float = 0.0
    nuisance: float = 1.0
    seed_name: str = "synthetic_dfer"


_LARGE = {
    "train_clips": 2100,
    "test_clips": 700,
    "train_identities": 300,
    "test_identities": 100,
    "frames": (8, 32),
    "peaks": _UNIFORM,
    "seed_name": "balanced",
}


class Builder(tfds.core.GeneratorBasedBuilder):
    """Rendered faces, seven expressions, known intensity; nothing is downloaded."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}  # noqa: RUF012
    DEFAULT_BUILDER_CONFIG_NAME = "tiny"
    BUILDER_CONFIGS = [  # noqa: RUF012
        SyntheticConfig(
            name="tiny",
            description="For the demo: mostly clear expressions, little distraction, short clips.",
            train_clips=980,
            test_clips=280,
            train_identities=200,
            test_identities=60,
            frames=(8, 20),
            peaks=_CLEAR,
            nuisance=0.4,
            seed_name="tiny",
        ),
        SyntheticConfig(
            name="smoke",
            description="For tests: builds in seconds, too small to learn from.",
            train_clips=28,
            test_clips=14,
            train_identities=8,
            test_identities=4,
            frames=(8, 20),
            peaks=_CLEAR,
            seed_name="smoke",
        ),
        SyntheticConfig(
            name="balanced",
            description="For ablations: peak intensity uniform from almost neutral to clear.",
            **_LARGE,
        ),
        SyntheticConfig(
            name="dfew_like",
            description="As balanced, with the class imbalance of DFEW in both splits.",
            shares=_DFEW,
            test_shares=_DFEW,
            **(_LARGE | {"seed_name": "dfew_like"}),
        ),
        SyntheticConfig(
            name="noisy",
            description="The clips of balanced; 20 % of the training labels are wrong.",
            label_noise=0.2,
            **_LARGE,
        ),
    ]

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
        classes = list(CLASSES)
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "clip_id": tfds.features.Text(),
                    "frames": tfds.features.Sequence(
                        tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg")
                    ),
                    "num_frames": tfds.features.Scalar(np.int32),
                    "label": tfds.features.ClassLabel(names=classes),
                    "clean_label": tfds.features.ClassLabel(names=classes),
                    "intensity": tfds.features.Sequence(tfds.features.Scalar(np.float32)),
                    "peak_intensity": tfds.features.Scalar(np.float32),
                    "apex": tfds.features.Scalar(np.int32),
                    "identity": tfds.features.Scalar(np.int32),
                }
            ),
            supervised_keys=None,
            homepage="http://www.makehumancommunity.org",
        )

    def _split_generators(self, dl_manager):
        del dl_manager  # nothing to download
        return {name: self._generate_examples(name) for name in ("train", "test")}

    def split_plan(self, name: str) -> clips.SplitPlan:
        """Returns what split `name` ("train" or "test") of this configuration consists of."""
        config, train = self.builder_config, name == "train"
        first = 0 if train else _TEST_IDENTITIES_FROM
        count = config.train_identities if train else config.test_identities
        return clips.SplitPlan(
            seed_name=config.seed_name,
            split=name,
            clips=config.train_clips if train else config.test_clips,
            identities=range(first, first + count),
            shares=config.shares if train else config.test_shares,
            frames=config.frames,
            peaks=config.peaks,
            label_noise=config.label_noise if train else 0.0,
            nuisance=config.nuisance,
        )

    def _generate_examples(self, name: str) -> Iterator[tuple[str, dict[str, object]]]:
        plans = clips.plan_clips(self.split_plan(name))
        # Starting a process takes seconds, so a few clips are made right here.
        processes = self._num_processes if len(plans) > 100 else 1
        examples = clips.make_clips(plans, processes=processes)
        counts, frames = collections.Counter(), 0
        for example in tqdm(examples, f"render {name}", total=len(plans), unit="clip"):
            yield str(example["clip_id"]), example
            counts[example["label"]] += 1
            frames += example["num_frames"]
        per_class = ", ".join(f"{label} {counts[i]:,}" for i, label in enumerate(CLASSES))
        print(f"{name}: {len(plans):,} clips, {frames:,} frames ({per_class})")
