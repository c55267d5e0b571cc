"""What is known of S2D's weights, whose classes have another order for each data set."""

from types import MappingProxyType

from dfer_jax.interop.release import MAFW_CLASSES, Release, TrainedOn, folds
from dfer_jax.labels import CLASSES

FERV39K_CLASSES = tuple(sorted(CLASSES))
"""In alphabetical order, which no other network's weights have."""

_PROTOCOL = "best epoch on the test set, then two views"
_CONSECUTIVE = MappingProxyType({"sampling": "strided", "frame_step": 1, "test_views": 2})

RELEASE = Release(
    "github.com/MSA-LMC/S2D at e1b5e5d",
    "Apache-2.0",
    ("affectnet",),
    (
        TrainedOn(
            "dfew/f16",
            CLASSES,
            MappingProxyType({}),  # all 16 frames of a clip; of other videos 16 spread over them
            (
                *folds("DFEW", (61.56, 59.93, 61.33, 62.75, 63.51),
                       (76.16, 73.99, 76.41, 76.31, 77.27)),
                *folds("DFEW, oversampled,", (64.80, 62.54, 66.47, 66.03, 67.43),
                       (75.35, 72.53, 75.87, 74.48, 76.80)),
            ),
            _PROTOCOL,
        ),
        TrainedOn(
            "ferv39k/all_scenes",
            FERV39K_CLASSES,
            _CONSECUTIVE,
            (("FERV39k", 41.28, 52.56), ("FERV39k, oversampled", 43.97, 46.21)),
            _PROTOCOL,
        ),
        TrainedOn(
            "mafw/single",
            tuple(sorted(MAFW_CLASSES)),
            _CONSECUTIVE,
            (
                *folds("MAFW", (32.78, 40.43, 47.01, 45.66, 43.45),
                       (46.76, 55.96, 62.08, 62.61, 59.42)),
                *folds("MAFW, oversampled,", (36.16, 41.94, 48.08, 47.67, 43.16),
                       (44.21, 51.22, 61.48, 60.64, 58.55)),
            ),
            _PROTOCOL,
        ),
    ),
)  # fmt: skip
