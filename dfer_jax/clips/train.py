"""Trains on clips with one label each, after balanced pre-training if the config says so."""

from collections.abc import Mapping
from typing import Any

import ml_collections

from dfer_jax.clips.task import ClipTask
from dfer_jax.training import run


def train(
    config: ml_collections.ConfigDict,
    workdir: str,
    *,
    overrides: Mapping[str, Any],
    with_evaluation: bool,
) -> None:
    """Trains a run, or goes on with it; see `training.run.train`.

    With `pretrain.epochs` a first phase trains on equally many clips of each class.

    Source: balanced pre-training of Optimized IAL (APSIPA ASC 2024, section III-D).
    """
    run.train(
        ClipTask,
        config,
        workdir,
        overrides=overrides,
        with_evaluation=with_evaluation,
        pretraining=pretraining(config) if config.pretrain.epochs else None,
    )


def pretraining(config: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
    """Returns the config of the first phase."""
    first = config.copy_and_resolve_references()
    first.name = f"{config.name}, pre-training"
    first.data.clips_per_class = config.pretrain.clips_per_class
    first.train.epochs = config.pretrain.epochs
    if not config.pretrain.gap_loss:
        first.loss.gap_weight = 0.0
    first.pretrain.epochs = 0
    return first
