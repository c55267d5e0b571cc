"""The phases of a run: balanced pre-training if the config asks for it, then the training."""

import json
import os
from collections.abc import Mapping
from typing import Any

import ml_collections

from dfer_jax import checkpoint
from dfer_jax.train import Trainer
from dfer_jax.workdir import claim


def train(
    config: ml_collections.ConfigDict,
    workdir: str,
    *,
    overrides: Mapping[str, Any],
    with_evaluation: bool,
) -> None:
    """Trains a run, or goes on with it, in its work directory.

    With `pretrain.epochs` a first phase trains on equally many clips of each class, in
    `<workdir>/pretrain`; the second starts from its last weights, with a fresh optimiser and
    schedule. Either phase resumes.

    Args:
        config: the experiment.
        workdir: new, or of the same config.
        overrides: what the command line changed, kept in the work directory.
        with_evaluation: whether to evaluate after the epochs that the config says.

    Raises:
        UserError: if config, data, devices and work directory do not fit together, the loss stops
            being finite, or on Ctrl-C or SIGTERM after saving.

    Source: balanced pre-training of Optimized IAL (APSIPA ASC 2024, section III-D).
    """
    first, init_from = None, config.train.init_from
    if config.pretrain.epochs:
        init_from = os.path.join(workdir, "pretrain")
        if not checkpoint.any_in(workdir):
            first = Trainer(pretraining(config), init_from, init_from=config.train.init_from)
    trainer = Trainer(config, workdir, init_from=init_from)
    _claim(workdir, config, overrides)
    if first:
        _claim(init_from, first.config, overrides)
        first.run(with_evaluation=False)
    trainer.run(with_evaluation=with_evaluation)


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


def _claim(workdir: str, config: ml_collections.ConfigDict, overrides: Mapping[str, Any]) -> None:
    claim(workdir, json.loads(config.to_json_best_effort()), overrides)
