"""What the configurations of `synthetic_dfer` contain."""

import dataclasses

import tensorflow_datasets as tfds

from dfer_jax.labels import CLASSES
from tfds_builders.synthetic_dfer import clips, videos

_EVEN = (1.0,) * len(CLASSES)
_DFEW = (2445.0, 1894.0, 2669.0, 2173.0, 1469.0, 145.0, 902.0)
"""Clips per class in DFEW's five folds together, in the order of `CLASSES`: 1.2 % disgust."""
_CLEAR = ((0.88, (0.8, 1.0)), (0.12, (0.2, 0.8)))
_MOSTLY_CLEAR = ((0.8, (0.7, 1.0)), (0.2, (0.35, 0.7)))
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

    def split_plan(self, name: str) -> clips.SplitPlan:
        """Returns what split `name` ("train" or "test") consists of."""
        train = name == "train"
        return clips.SplitPlan(
            seed_name=self.seed_name,
            split=name,
            clips=self.train_clips if train else self.test_clips,
            identities=_identities(self, name),
            shares=self.shares if train else self.test_shares,
            frames=self.frames,
            peaks=self.peaks,
            label_noise=self.label_noise if train else 0.0,
            nuisance=self.nuisance,
        )


@dataclasses.dataclass(eq=False, kw_only=True)
class VideosConfig(tfds.core.BuilderConfig):
    """What a configuration of videos with a label on every frame contains.

    Attributes:
        train_videos: videos in `train`.
        test_videos: videos in `test`.
        train_identities: people in `train`, each in one video at least.
        test_identities: people in `test`; none of them appears in `train`.
        rows: least and largest number of frames of most videos, before any is missing.
        short: numbers of frames of a few other videos of each split.
        peaks: mixture of uniform ranges the peak intensity of an expression is drawn from.
        nuisance: strength of everything that is not the face's expression, 0 to 1.
        seed_name: configurations of one seed name hold the same people.
    """

    train_videos: int
    test_videos: int
    train_identities: int
    test_identities: int
    rows: tuple[int, int]
    short: tuple[int, ...]
    peaks: tuple[tuple[float, tuple[float, float]], ...] = _MOSTLY_CLEAR
    nuisance: float = 0.4
    seed_name: str

    def split_plan(self, name: str) -> videos.VideoSplitPlan:
        """Returns what split `name` ("train" or "test") consists of."""
        return videos.VideoSplitPlan(
            seed_name=self.seed_name,
            split=name,
            videos=self.train_videos if name == "train" else self.test_videos,
            identities=_identities(self, name),
            rows=self.rows,
            short=self.short,
            peaks=self.peaks,
            nuisance=self.nuisance,
        )


def _identities(config: SyntheticConfig | VideosConfig, split: str) -> range:
    """Returns the numbers of the people of a split."""
    if split == "train":
        return range(config.train_identities)
    return range(_TEST_IDENTITIES_FROM, _TEST_IDENTITIES_FROM + config.test_identities)


_LARGE = {
    "train_clips": 2100,
    "test_clips": 700,
    "train_identities": 300,
    "test_identities": 100,
    "frames": (8, 32),
    "peaks": _UNIFORM,
    "seed_name": "balanced",
}


CONFIGS = [
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
    VideosConfig(
        name="frames",
        description="A label on every frame: videos of several expressions, with action units.",
        train_videos=66,
        test_videos=28,
        train_identities=40,
        test_identities=16,
        rows=(60, 160),
        short=(1, 5, 8),
        seed_name="frames",
    ),
    VideosConfig(
        name="frames_smoke",
        description="As frames, for tests: builds in seconds, too small to learn from.",
        train_videos=6,
        test_videos=4,
        train_identities=4,
        test_identities=3,
        rows=(20, 30),
        short=(1, 12),
        seed_name="frames_smoke",
    ),
]
