"""What is said of the weights that the authors of a network publish."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from dfer_jax.errors import UserError

Scores = tuple[tuple[str, float | None, float | None], ...]
"""(test set, UAR, WAR) in percent; None where not published."""

MAFW_CLASSES = (
    "anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise", "contempt",
    "anxiety", "helplessness", "disappointment",
)  # fmt: skip
"""The eleven of MAFW in the order of its paper."""

TERMS = {
    "clip": "CLIP's pictures and texts: for research, by OpenAI's model card",
    "affectnet": "AffectNet: research only, under an agreement with its authors",
    "emo_corpora": "Aff-Wild2, CREMA-D, IEMOCAP, RAMAS, RAVDESS, SAVEE, but for the one that "
    "a file is named after: each under an agreement of its own",
    "dfew": "DFEW: research only, under a signed agreement, not to be passed on",
    "ferv39k": "FERV39k: research only, under a signed agreement, not to be passed on",
    "mafw": "MAFW: research only, under a signed agreement, not to be passed on",
    "vggface2": "VGGFace2: research only",
    "voxceleb2": "VoxCeleb2: for research; faces of videos of YouTube",
}
"""Terms of the data sets that published weights were trained on."""


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
    scores: Scores
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


def folds(name: str, uar: tuple[float, ...], war: tuple[float, ...]) -> Scores:
    """Returns the scores of the folds of a data set, of which the UAR may be unknown: ()."""
    return tuple((f"{name} fold {k + 1}", uar[k] if uar else None, war[k]) for k in range(len(war)))
