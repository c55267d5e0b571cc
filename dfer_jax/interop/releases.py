"""What is known of weights that others publish: classes, preprocessing, scores, data and terms.

A state dict says none of it. The number of classes tells the data set, but for sets with the same
classes, of which the user names the one.
"""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from dfer_jax.errors import UserError
from dfer_jax.interop.masked_autoencoder import UNTRAINED
from dfer_jax.labels import CLASSES

TERMS = {
    "clip": "CLIP's pictures and texts: for research, by OpenAI's model card",
    "affectnet": "AffectNet: research only, under an agreement with its authors",
    "dfew": "DFEW: research only, under a signed agreement, not to be passed on",
    "ferv39k": "FERV39k: research only, under a signed agreement, not to be passed on",
    "mafw": "MAFW: research only, under a signed agreement, not to be passed on",
    "vggface2": "VGGFace2: research only",
    "voxceleb2": "VoxCeleb2: for research; faces of videos of YouTube",
}
"""Terms of the data sets that published weights were trained on."""

MAFW_CLASSES = (
    "anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise", "contempt",
    "anxiety", "helplessness", "disappointment",
)  # fmt: skip
"""The eleven of MAFW in the order of its labels."""


@dataclasses.dataclass(frozen=True)
class TrainedOn:
    """Weights of one data set.

    Attributes:
        dataset: its TFDS name with its config: frames of another variant make other predictions.
        classes: what the logits mean, in their order.
        preprocess: how a clip becomes their input, as far as it is not as of any network.
        scores: (test set, UAR, WAR) in percent of each published file; None where not published.
        protocol: how these were measured, and the epoch chosen.
    """

    dataset: str
    classes: tuple[str, ...]
    preprocess: Mapping[str, Any]
    scores: tuple[tuple[str, float | None, float], ...]
    protocol: str


@dataclasses.dataclass(frozen=True)
class Release:
    """What the authors of a network publish.

    Attributes:
        code: where, and at which commit it was read.
        license: of the code; none of the weights is stated.
        started_from: data sets of the pre-training, keys of `TERMS`.
        weights: of each data set; of two with the same classes the first is the usual one.
    """

    code: str
    license: str
    started_from: tuple[str, ...]
    weights: tuple[TrainedOn, ...]

    def trained_on(self, num_classes: int, dataset: str = "") -> TrainedOn | None:
        """Returns what weights with so many classes were trained on; None if that is not known.

        Args:
            num_classes: of the classifier.
            dataset: its name, such as "ferv39k", where the user gives it.

        Raises:
            UserError: if weights of that data set are not known, or have other classes.
        """
        if not dataset:
            return next((w for w in self.weights if len(w.classes) == num_classes), None)
        found = {w.dataset.partition("/")[0]: w for w in self.weights}.get(dataset)
        if found is None:
            known = ", ".join(w.dataset.partition("/")[0] for w in self.weights)
            raise UserError(
                f"--dataset={dataset}: its authors publish no weights of that; choose from {known}"
            )
        if len(found.classes) != num_classes:
            raise UserError(
                f"--dataset={dataset} has {len(found.classes)} classes, the weights tell "
                f"{num_classes} apart; name the set that they were trained on"
            )
        return found

    def about(self, trained_on: TrainedOn) -> dict[str, Any]:
        """Returns what a checkpoint keeps of it, for its card."""
        data = dict.fromkeys((*self.started_from, trained_on.dataset.partition("/")[0]))
        return {
            "code": self.code,
            "code_license": self.license,
            "terms": [TERMS[name] for name in data],
            "scores": [list(score) for score in trained_on.scores],
            "protocol": trained_on.protocol,
        }


def folds(
    name: str, uar: tuple[float, ...], war: tuple[float, ...]
) -> tuple[tuple[str, float | None, float], ...]:
    """Returns the scores of the folds of a data set, of which the UAR may be unknown: ()."""
    return tuple((f"{name} fold {k + 1}", uar[k] if uar else None, war[k]) for k in range(len(war)))


def _strided(step: int) -> Mapping[str, Any]:
    """Two windows of 16 frames, of every `step`-th frame; Pillow's bilinear from crops of 224."""
    return MappingProxyType(
        {
            "sampling": "strided",
            "frame_step": step,
            "test_views": 2,
            "view_average": "probabilities",
            "decode_size": 224,
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

RELEASES = {
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
                (*CLASSES, "contempt", "anxiety", "helplessness", "disappointment"),
                _PADDED,
                (("MAFW", 39.89, 52.55),),
                _FIVE_FOLDS,
            ),
        ),
    ),
    "mae_dfer": Release(
        "github.com/sunlicai/MAE-DFER at 80b651d",
        "MIT",
        ("voxceleb2",),
        (
            TrainedOn(
                "dfew/full",
                CLASSES,
                _strided(4),
                folds("DFEW", (62.59, 61.96, 64.00, 63.07, 65.42),
                      (74.88, 72.49, 74.91, 74.05, 75.81)),
                _LAST_EPOCH,
            ),
            TrainedOn(
                "ferv39k/all_scenes", CLASSES, _strided(1), (("FERV39k", 43.29, 52.50),), _RERUN
            ),
            TrainedOn(
                "mafw/single",
                MAFW_CLASSES,
                _strided(4),
                folds("MAFW", (36.11, 42.37, 46.25, 45.42, 41.66),
                      (46.71, 54.82, 58.87, 59.50, 55.27)),
                _RERUN,
            ),
            _PRE_TRAINING,
        ),
    ),
    "svfap_b": Release(
        "github.com/sunlicai/SVFAP at 8e386b9",
        "MIT",
        ("voxceleb2",),
        (
            TrainedOn(
                "dfew/full",
                CLASSES,
                _strided(4),
                folds("DFEW", (63.63, 58.82, 64.88, 63.73, 68.39),
                      (75.31, 71.68, 74.96, 74.65, 77.44)),
                _RERUN,
            ),
            TrainedOn(
                "ferv39k/all_scenes", CLASSES, _strided(1), (("FERV39k", 43.05, 52.86),), _RERUN
            ),
            TrainedOn(
                "mafw/single",
                MAFW_CLASSES,
                _strided(4),
                folds("MAFW", (38.40, 40.94, 46.27, 47.78, 44.17),
                      (49.10, 53.95, 59.68, 61.30, 57.56)),
                _RERUN,
            ),
            _PRE_TRAINING,
        ),
    ),
}  # fmt: skip
"""By the name of the network; of those that are not here nothing is published or known."""
