"""Published results, as data, and which of them a config reproduces. None of them is ours."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dfer_jax.results import metrics
from dfer_jax.results.published_row import PublishedRow
from dfer_jax.results.published_tables import DFEW_PAPER, TABLE_IV, TABLE_V, TABLE_VI

_FIVE_FOLDS = "five folds, best epoch on test"
_OFFICIAL_SPLIT = "official test split, best epoch on test"
_ONE_FOLD = "one fold (by its counts fold 1, 2338 clips of at least 16 frames), tuned on test"
_FERV39K = ("ferv39k", "ferv39k/all_scenes")


_WHOLE = {"pretrain.epochs": 0, "train.init_from": "", "data.clips_per_class": 0}


def _ial(
    source: str,
    attention: str,
    ial_weight: float,
    dfew: tuple[float, float],
    ferv39k: tuple[float, float],
    *,
    reduction: int = 16,
    aux: bool = True,
    recall: tuple[float, ...] = (),
) -> list[PublishedRow]:
    """Rows of the GCA+IAL paper for both data sets; (UAR, WAR) each."""
    settings = {
        "model.name": "gca_ial",
        "model.attention": attention,
        "model.aux_stages": ("layer2", "layer3") if aux else (),
        "loss.ial_weight": ial_weight,
        "loss.gap_weight": 0.0,
        **_WHOLE,
    }
    if attention != "none":
        settings["model.reduction"] = reduction
    parts = [p for p, on in ((attention.upper(), attention != "none"), ("IAL", ial_weight)) if on]
    method = "+".join(parts) or "baseline"
    about = {"method": method, "source": f"AAAI 2023, {source}", "settings": settings}
    rows = [
        PublishedRow(**about, protocol=_FIVE_FOLDS, datasets=("dfew/full",), uar=dfew[0],
                     war=dfew[1], recall=recall),
        PublishedRow(**about, protocol=_OFFICIAL_SPLIT, datasets=_FERV39K, uar=ferv39k[0],
                     war=ferv39k[1]),
    ]  # fmt: skip
    return rows


_GCA_IAL_RECALL = (87.95, 67.21, 70.10, 76.06, 62.22, 0.00, 26.44)  # Table IV

GCA_IAL = (
    *_ial("Table I a", "none", 0.0, (53.56, 67.42), (32.79, 45.24), aux=False),
    *_ial("Tables I b and II", "gca", 0.0, (54.12, 68.03), (34.67, 46.90)),
    *_ial("Table I c", "none", 0.1, (54.58, 68.57), (34.96, 47.66), aux=False),
    *_ial("Table II", "se", 0.0, (53.10, 66.98), (32.85, 45.56), aux=False),
    *_ial("Table II", "se", 0.0, (53.47, 67.32), (33.16, 45.90)),
    *_ial("Table II", "cbam", 0.0, (53.31, 67.14), (33.41, 45.76), aux=False),
    *_ial("Table II", "cbam", 0.0, (53.78, 67.64), (33.89, 46.15)),
    *_ial("Table II", "gca", 0.0, (53.97, 67.74), (34.11, 46.45), aux=False),
    *_ial("Table III", "gca", 0.1, (54.58, 68.64), (35.08, 47.60), reduction=8),
    *_ial("Table III", "gca", 0.15, (54.43, 68.57), (35.27, 47.79), reduction=8),
    *_ial("Table III", "gca", 0.3, (54.16, 68.19), (35.02, 47.47), reduction=8),
    *_ial("Tables I d, III, IV", "gca", 0.1, (55.71, 69.24), (35.56, 48.42),
          recall=_GCA_IAL_RECALL),
    *_ial("Tables I d and III", "gca", 0.15, (55.24, 69.02), (35.82, 48.54)),
    *_ial("Table III", "gca", 0.3, (54.82, 68.76), (35.21, 48.11)),
)  # fmt: skip


def _optimized(
    method: str, table: str, decay_rate: float, uar: float | None, war: float, **pretrain: object
) -> PublishedRow:
    """A row of the Optimized IAL paper, alpha = 0.7 and A = 1."""
    settings = {
        "model.name": "gca_ial",
        "model.attention": "gca",
        "loss.ial_weight": 0.0,
        "loss.gap_weight": 0.7,
        "loss.gap_decay_amplitude": 1.0,
        "loss.gap_decay_rate": decay_rate,
        **_WHOLE,
        **{f"pretrain.{name}": value for name, value in pretrain.items()},
    }
    source = f"APSIPA ASC 2024, {table}"
    return PublishedRow(method, source, _ONE_FOLD, ("dfew/full",), settings, uar, war)


OPTIMIZED_IAL = (
    # Two models are printed with lambda = 0.05 (69.119 and 68.135), so neither can be told.
    _optimized("Optimized IAL, lambda = 0.03", "Table III", 0.03, None, 69.204),
    _optimized("Optimized IAL, lambda = 0.02", "Table III", 0.02, None, 69.162),
    _optimized("Optimized IAL, lambda = 0.035", "Table III", 0.035, None, 69.076),
    # The loss after the pre-training is not printed; taken to be that of the best decay.
    *(
        _optimized(
            f"Optimized IAL, {epochs} epochs pre-training {'with' if gap_loss else 'without'} L*",
            "Table IV", 0.03, uar, war, epochs=epochs, gap_loss=gap_loss,
        )
        for epochs, gap_loss, uar, war in (
            (5, True, 54.324, 68.862),
            (5, False, 54.160, 68.862),
            (10, True, 54.399, 69.247),
            (10, False, 54.693, 69.290),
            (15, True, 53.927, 69.204),
            (15, False, 54.184, 69.162),
        )
    ),
)  # fmt: skip

FORMER_DFER = PublishedRow(
    method="Former-DFER",
    source="ACM MM 2021",
    protocol=_FIVE_FOLDS,
    datasets=("dfew/full",),
    settings={"model.name": "former_dfer"},
    uar=53.69,
    war=65.70,
    recall=(84.05, 62.57, 67.52, 70.03, 56.43, 3.45, 31.78),
)


DFER_CLIP = PublishedRow(
    method="DFER-CLIP",
    source="BMVC 2023",
    protocol=_FIVE_FOLDS,
    datasets=("dfew/full",),
    settings={"model.name": "dfer_clip"},
    uar=59.61,
    war=71.25,
)


def _of_system(
    model: str, method: str, source: str, dataset: str, *scores: float, recall: tuple = ()
) -> PublishedRow:
    """A row of a system on one of the sets with folds by actor or by list; UAR, WAR."""
    name = dataset.partition("/")[0]
    protocol = {"mafw": _FIVE_FOLDS, "cremad": _BY_ACTOR.format("five"),
                "ravdess": _BY_ACTOR.format("six")}[name]  # fmt: skip
    return PublishedRow(
        method, source, protocol, (dataset,), {"model.name": model}, *scores, recall
    )


def _of_last_epoch(
    model: str, source: str, dfew: tuple[float, float], ferv39k: tuple[float, float]
) -> list[PublishedRow]:
    """Rows of MAE-DFER's code and its successor's, which choose no epoch; (UAR, WAR) each."""
    method = {"mae_dfer": "MAE-DFER", "svfap_b": "SVFAP-B"}[model]
    sets = (
        ("five folds, last epoch", ("dfew/full",), dfew),
        ("official test split, last epoch", _FERV39K, ferv39k),
    )
    return [
        PublishedRow(method, source, protocol, names, {"model.name": model}, *scores)
        for protocol, names, scores in sets
    ]


def _of_s2d() -> list[PublishedRow]:
    """Rows of S2D's repository, without oversampling; on DFEW it takes the 16-frame release."""
    settings = {"model.name": "s2d"}
    ferv39k = "official test split, best epoch on test"
    return [
        PublishedRow("S2D", "TAFFC 2024", _FIVE_FOLDS, ("dfew/f16",), settings, 61.82, 76.03),
        PublishedRow("S2D", "TAFFC 2024", ferv39k, _FERV39K, settings, 41.28, 52.56),
    ]


_BY_ACTOR = "{} folds by actor, face crops, best epoch on test"
_SINGLE = "mafw/single"
_MAE_DFER_RECALL = (77.13, 71.09, 58.26, 67.77, 57.46, 25.35, 34.88, 8.90, 33.08, 11.83, 12.09)

OTHER_SETS = (
    _of_system("mae_dfer", "MAE-DFER", "its repository", "ravdess/speech", 75.91, 75.56),
    _of_system("mae_dfer", "MAE-DFER", "its repository", "cremad/asked", 77.33, 77.38),
    _of_system("mae_dfer", "MAE-DFER", "ACM MM 2023", _SINGLE, 41.62, 54.31,
               recall=_MAE_DFER_RECALL),
    _of_system("former_dfer", "Former-DFER", "tables of MAE-DFER and DFER-CLIP", _SINGLE,
               31.16, 43.27),
    _of_system("t_esfl", "T-ESFL", "ACM MM 2022, the data set's own", _SINGLE, 33.28, 48.18),
    _of_system("dfer_clip", "DFER-CLIP", "BMVC 2023", _SINGLE, 39.89, 52.55),
    _of_system("svfap_b", "SVFAP-B", "its paper", _SINGLE, 41.19, 54.28),
    _of_system("s2d", "S2D", "its repository", _SINGLE, 41.86, 57.37),
    _of_system("s4d", "S4D", "its repository", _SINGLE, 43.72, 58.44),
)  # fmt: skip
"""None is comparable with frames of whole scenes, nor with mafw/seven."""

FINE_TUNED = (
    *_of_last_epoch("mae_dfer", "ACM MM 2023", (63.41, 74.43), (43.12, 52.07)),
    *_of_last_epoch("svfap_b", "TAFFC 2024", (62.83, 74.27), (42.14, 52.29)),
    *_of_s2d(),
)

ROWS = (
    *GCA_IAL, *OPTIMIZED_IAL, *TABLE_IV, *TABLE_V, *TABLE_VI, *DFEW_PAPER, FORMER_DFER,
    DFER_CLIP, *FINE_TUNED, *OTHER_SETS
)  # fmt: skip


def _whole(dataset: str, ial_weight: float) -> PublishedRow:
    """The row of the whole system in the GCA+IAL paper."""
    wanted = {"model.attention": "gca", "loss.ial_weight": ial_weight, "model.reduction": 16}
    return next(
        row for row in GCA_IAL
        if dataset in row.datasets and wanted.items() <= row.settings.items()
    )  # fmt: skip


TABLES = {
    "GCA+IAL, Table IV": (*TABLE_IV[:-2], FORMER_DFER, *TABLE_IV[-2:], _whole("dfew/full", 0.1)),
    "GCA+IAL, Table V": (*TABLE_V, _whole("ferv39k/all_scenes", 0.15)),
    "Optimized IAL, Table VI": (
        FORMER_DFER, *TABLE_VI[:2], TABLE_IV[-1], TABLE_VI[2], _whole("dfew/full", 0.1),
        TABLE_VI[3],
    ),
}  # fmt: skip
"""Every row of the tables that compare systems, in their order."""


def on(dataset: str) -> list[PublishedRow]:
    """Returns the rows of other systems on a data set; they share a protocol.

    Args:
        dataset: TFDS name with its config.
    """
    return [row for row in OTHER_SETS if dataset in row.datasets]


def match(config: Mapping[str, Any], among: Sequence[PublishedRow] = ROWS) -> PublishedRow | None:
    """Returns the row that a config reproduces, None if there is none.

    Args:
        config: nested plain values, as in `config.json` or `ConfigDict.to_dict()`.
        among: rows to choose from.
    """
    for row in (row for row in among if row.settings):
        if config["data"]["dataset"] in row.datasets and all(
            _same(_field(config, name), value) for name, value in row.settings.items()
        ):
            return row
    return None


def war_of_recalls(recall: Sequence[float], clips: Sequence[int]) -> float:
    """Returns the WAR in percent that recalls in percent amount to, over these class counts.

    The hits of each class are whole clips. Used to check a printed row against the counts of the
    data set at hand.

    Args:
        recall: per class, in percent, as printed.
        clips: per class.
    """
    clips_of = np.asarray(clips)
    hits = np.rint(np.asarray(recall) / 100 * clips_of)
    confusion = np.diag(hits)
    wrong = np.roll(np.arange(len(hits)), 1)  # which wrong class does not matter to the WAR
    confusion[np.arange(len(hits)), wrong] += clips_of - hits
    return 100 * metrics.scores(confusion).war


def _field(config: Mapping[str, Any], name: str) -> object:
    """The value of a dotted field; None where the config has no such field."""
    value: object = config
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _same(found: object, asked: object) -> bool:
    if isinstance(asked, frozenset):
        return found in asked
    if found is None:  # an option that did not exist yet: off
        return not asked
    found, asked = (tuple(x) if isinstance(x, list) else x for x in (found, asked))
    return found == asked
