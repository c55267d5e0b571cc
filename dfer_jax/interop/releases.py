"""What is known of weights that others publish: classes, preprocessing, scores, data and terms.

A state dict says none of it. The number of classes tells the data set, but for sets with the same
classes, of which the user names the one.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from dfer_jax.interop import emo_affectnet, s2d
from dfer_jax.interop.masked_autoencoder import UNTRAINED
from dfer_jax.interop.release import MAFW_CLASSES, Release, Scores, TrainedOn, folds
from dfer_jax.labels import CLASSES

_FPS = 25  # at which a step counts the frames of a video


def _strided(step: int) -> Mapping[str, Any]:
    """Two windows of 16 frames, of every `step`-th frame; Pillow's bilinear from crops of 224."""
    return MappingProxyType(
        {
            "sampling": "strided",
            "frame_step": step,
            "test_views": 2,
            "view_average": "probabilities",
            "decode_size": 224,
            "window_span": f"{16 * step / _FPS:g}s",  # one view
            "stride_span": f"{8 * step / _FPS:g}s",
        }
    )


_PRE_TRAINING = TrainedOn(
    "voxceleb2", (UNTRAINED,), _strided(4), (), "pre-training alone; train before use"
)
_PADDED = MappingProxyType({"sampling": "padded"})
_BEST_ON_TEST = "best epoch on the test set"
_FIVE_FOLDS = "mean of five folds, best epoch on the test fold"
_LAST_EPOCH = "last epoch; mean probabilities of the first and the last window"
_RERUN = f"re-run by the authors, whose first files are lost; {_LAST_EPOCH}"


def _of_masked_autoencoder(
    code: str, *, dfew: Scores, dfew_protocol: str, ferv39k: Scores, mafw: Scores
) -> Release:
    """What both codes of one author publish; their recipe and data sets are the same."""
    return Release(
        code,
        "MIT",
        ("voxceleb2",),
        (
            TrainedOn("dfew/full", CLASSES, _strided(4), dfew, dfew_protocol),
            TrainedOn("ferv39k/all_scenes", CLASSES, _strided(1), ferv39k, _RERUN),
            TrainedOn("mafw/single", MAFW_CLASSES, _strided(4), mafw, _RERUN),
            _PRE_TRAINING,
        ),
    )


RELEASES = {
    "emo_affectnet": emo_affectnet.WHOLE,
    "emo_affectnet_static": emo_affectnet.STATIC,
    "s2d": s2d.RELEASE,
    "former_dfer": Release(
        "github.com/zengqunzhao/Former-DFER at 1b5ad6f",
        "MIT",
        (),
        (
            TrainedOn(
                "dfew/full",
                CLASSES,
                MappingProxyType({"segments": 8, "frames_per_segment": 2}),
                folds("DFEW", (), (66.21, 64.08, 66.15, 65.03, 67.04)),
                "best epoch on the test fold, by the authors' logs",
            ),
        ),
    ),
    "dfer_clip": Release(
        "github.com/zengqunzhao/DFER-CLIP at d10d5a4",
        "MIT",
        ("clip",),
        (
            TrainedOn("dfew/full", CLASSES, _PADDED, (("DFEW", 59.61, 71.25),), _FIVE_FOLDS),
            TrainedOn(
                "ferv39k/all_scenes", CLASSES, _PADDED, (("FERV39k", 41.27, 51.65),), _BEST_ON_TEST
            ),
            TrainedOn(
                "mafw/single",
                (*CLASSES, *MAFW_CLASSES[len(CLASSES) :]),
                _PADDED,
                (("MAFW", 39.89, 52.55),),
                _FIVE_FOLDS,
            ),
        ),
    ),
    "mae_dfer": _of_masked_autoencoder(
        "github.com/sunlicai/MAE-DFER at 80b651d",
        dfew=folds("DFEW", (62.59, 61.96, 64.00, 63.07, 65.42),
                   (74.88, 72.49, 74.91, 74.05, 75.81)),
        dfew_protocol=_LAST_EPOCH,
        ferv39k=(("FERV39k", 43.29, 52.50),),
        mafw=folds("MAFW", (36.11, 42.37, 46.25, 45.42, 41.66),
                   (46.71, 54.82, 58.87, 59.50, 55.27)),
    ),
    "svfap_b": _of_masked_autoencoder(
        "github.com/sunlicai/SVFAP at 8e386b9",
        dfew=folds("DFEW", (63.63, 58.82, 64.88, 63.73, 68.39),
                   (75.31, 71.68, 74.96, 74.65, 77.44)),
        dfew_protocol=_RERUN,
        ferv39k=(("FERV39k", 43.05, 52.86),),
        mafw=folds("MAFW", (38.40, 40.94, 46.27, 47.78, 44.17),
                   (49.10, 53.95, 59.68, 61.30, 57.56)),
    ),
}  # fmt: skip
"""By the name of the network; of those that are not here nothing is published or known."""
