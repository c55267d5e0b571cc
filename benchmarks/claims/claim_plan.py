"""Which runs answer which of the papers' claims, and what is read off them.

(a) attention and loss, (b) reduction and weight of the intensity-aware loss, (c) forms of the
probability-gap loss, (d) balanced pre-training, (e) the combination of two models of (c).
"""

import statistics
from collections.abc import Callable, Sequence

from benchmarks.claims.synthetic_runs import Run

EPOCHS = 5
_SIZE = (
    *("model.width=8", "model.image_size=48", "data.decode_size=56", "data.cache=True"),
    *("optim.learning_rate=0.03", "optim.schedule=exponential", "train.eval_every_epochs=100"),
)
_ON_TINY = (*_SIZE, "data.dataset=synthetic_dfer/tiny", "train.epochs=6", "optim.decay_epochs=4")
_ON_BALANCED = (
    *(*_SIZE, "data.dataset=synthetic_dfer/balanced", f"train.epochs={EPOCHS}"),
    "optim.decay_epochs=2",
)
_ON_DFEW_LIKE = (*_ON_BALANCED, "data.dataset=synthetic_dfer/dfew_like")
# As in the paper, a network without GCA has no auxiliary heads either.
_NO_GCA = ("model.attention=none", "model.aux_stages=()", "loss.aux_weights=()")
_NO_IAL = ("loss.ial_weight=0",)
_GAP = (*_NO_IAL, "loss.gap_weight=0.7", "data.validation_fraction=0.1")
# The published decay ends at 0.09 of its start after 80 epochs; so does this.
_DECAY = (f"loss.gap_decay_rate={2.4 / EPOCHS:.3g}",)

ATTENTION_AND_LOSS = {
    "none": (*_NO_GCA, *_NO_IAL),
    "GCA": _NO_IAL,
    "IAL": _NO_GCA,
    "GCA+IAL": (),
}
SWEEP = {
    f"r={r}, lambda={weight:g}": (f"model.reduction={r}", f"loss.ial_weight={weight:g}")
    for r in (16, 8)
    for weight in (0.1, 0.15, 0.3)
}
GAP_LOSS = {
    "cross-entropy": (*_NO_IAL, "data.validation_fraction=0.1"),
    "faithful, constant": (*_GAP, "loss.gap_form=faithful"),
    "faithful, decaying": (*_GAP, "loss.gap_form=faithful", *_DECAY),
    "positive, constant": _GAP,
    "positive, decaying": (*_GAP, *_DECAY),
}
BALANCED_PRETRAINING = {
    "usual training": _NO_IAL,
    "balanced first": (*_NO_IAL, "pretrain.epochs=10", "pretrain.clips_per_class=24"),
}
COMBINED = ("cross-entropy", "positive, decaying")


def peak_between(least: float, most: float) -> Callable[[dict], float]:
    """Returns the recall over non-neutral clips whose peak intensity lies in [least, most)."""

    def recall(result: dict) -> float:
        return statistics.fmean(
            row["label"] == row["prediction"]
            for row in result["predictions"]
            if row["label"] != "neutral" and least <= row["peak_intensity"] < most
        )

    return recall


OVERALL = {"WAR": lambda result: result["war"], "UAR": lambda result: result["uar"]}
BY_INTENSITY = OVERALL | {
    "recall, peak below 1/3": peak_between(0, 1 / 3),
    "1/3 to 2/3": peak_between(1 / 3, 2 / 3),
    "above 2/3": peak_between(2 / 3, float("inf")),
}
DISGUST = OVERALL | {
    "recall of disgust": lambda result: result["recall"]["disgust"],
}


def runs_of(claim: str, seed: str) -> dict[str, Run]:
    """Returns the runs of a claim with this seed, by variant."""
    variants, common = {
        "a": (ATTENTION_AND_LOSS, _ON_BALANCED),
        "b": (SWEEP, _ON_BALANCED),
        "c": (GAP_LOSS, _ON_BALANCED),
        "d": (BALANCED_PRETRAINING, _ON_DFEW_LIKE),
        "e": ({name: GAP_LOSS[name] for name in COMBINED}, _ON_BALANCED),
    }[claim]
    folder = "c" if claim == "e" else claim
    found = {}
    for variant, own in variants.items():
        name = f"{folder}_{variant}_seed{seed}".replace(", ", "_").replace(" ", "_")
        flags_ = (*common, *own, f"seed={seed}")
        found[variant] = Run(name, flags_, _start(own, seed))
    if claim == "b":  # the released setting is a row of (a) already
        found["r=16, lambda=0.1"] = runs_of("a", seed)["GCA+IAL"]
    return found


def _start(own: Sequence[str], seed: str) -> Run:
    """Returns the training on `tiny` that gives a network like this one its first weights."""
    network = [flag for flag in own if flag.startswith("model.")]
    if "model.attention=none" in network:
        return Run(f"start_none_seed{seed}", (*_ON_TINY, *_NO_GCA, *_NO_IAL, f"seed={seed}"))
    reduction = "8" if "model.reduction=8" in network else "16"
    own = (f"model.reduction={reduction}", *_NO_IAL, f"seed={seed}")
    return Run(f"start_gca_r{reduction}_seed{seed}", (*_ON_TINY, *own))
