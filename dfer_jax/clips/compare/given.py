"""Entries whose weights are given: evaluated under the protocol in place of a training."""

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

from dfer_jax.clips.crossval.runs import Run
from dfer_jax.errors import UserError
from dfer_jax.results.overlaps import seen_before
from dfer_jax.runs import given_weights, terms


def of_runs(name: str, weights: str, planned: Sequence[Run]) -> list[Run]:
    """Returns the runs with the folder of the weights that each evaluates.

    Args:
        name: of the entry.
        weights: path in which {fold} and {seed} stand for those of the run.
        planned: runs that would train.

    Raises:
        UserError: if a folder does not exist, or one is tested on several folds of the data that
            it was trained on.
    """
    found = []
    for run in planned:
        folder = weights.replace("{fold}", str(run.fold)).replace("{seed}", str(run.seed))
        if not os.path.isdir(folder):
            raise UserError(
                f"{name}: there are no weights in {folder}; correct the list, or write them there "
                "with dfer import"
            )
        found.append(dataclasses.replace(run, weights=folder))
    _check_folds(name, found)
    return found


def _check_folds(name: str, planned: Sequence[Run]) -> None:
    folds = sorted({run.fold for run in planned})
    if len(folds) == 1 or len({run.weights for run in planned}) > 1:
        return
    dataset = planned[0].config.data.dataset
    trained_on = given_weights.describe(planned[0].weights)["dataset"]
    if trained_on.partition("/")[0].lower() == dataset.partition("/")[0].lower():
        raise UserError(
            f"{name}: the weights in {planned[0].weights} were trained on folds of {dataset}, so "
            f"they cannot be tested on all of {', '.join(map(str, folds))}; name one folder a fold "
            "with {fold} in its path, or the fold that they left out with --folds"
        )


def facts(runs: Sequence[Run]) -> list[str]:
    """Returns of an entry's weights: network and data, file, terms, and what its authors print.

    Args:
        runs: of the entry, all with weights.
    """
    folder, dataset = runs[0].weights, runs[0].config.data.dataset
    metadata = given_weights.describe(folder)
    license_name = terms.license_of(folder)
    return [
        ", ".join(dict.fromkeys(run.weights for run in runs)),
        " ".join(filter(None, [_origin(metadata), seen_before(metadata["dataset"], dataset)])),
        " ".join(terms.in_words(metadata, license_name)),
        _published(metadata),
    ]


def _origin(metadata: dict[str, Any]) -> str:
    data = metadata["dataset"] or "data that is not named"
    if metadata["source"] == "trained":
        return f"trained with dfer_jax on {data}."
    sums = metadata.get("source_sha256", "")
    return f"file {metadata['source']}" + f", sha256 {sums[:16]}..." * bool(sums) + f"; for {data}."


def _published(metadata: dict[str, Any]) -> str:
    """What the authors of imported weights print for theirs."""
    release = metadata.get("release") or {"scores": []}
    return "; ".join(
        f"{what}: "
        + ", ".join(
            f"{measure} {value:.2f}"
            for measure, value in zip(("UAR", "WAR"), values, strict=True)
            if value is not None
        )
        for what, *values in release["scores"]
    )
