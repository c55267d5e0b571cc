"""A run from its config to its last epoch: a first phase where there is one, then the training."""

import json
import os
from collections.abc import Mapping
from typing import Any

import ml_collections

from dfer_jax.errors import UserError, list_some, memory_suffices
from dfer_jax.runs import checkpoint
from dfer_jax.runs.workdir import claim, differing_fields
from dfer_jax.runtime import processes
from dfer_jax.training.loop import Trainer
from dfer_jax.training.task import MakeTask


def train(
    make_task: MakeTask,
    config: ml_collections.ConfigDict,
    workdir: str,
    *,
    overrides: Mapping[str, Any],
    with_evaluation: bool,
    pretraining: ml_collections.ConfigDict | None = None,
) -> None:
    """Trains a run, or goes on with it, in its work directory.

    Args:
        make_task: what is learned.
        config: the experiment.
        workdir: new, or of the same config.
        overrides: what the command line changed, kept in the work directory.
        with_evaluation: whether to evaluate after the epochs that the config says.
        pretraining: config of a first phase, trained in `<workdir>/pretrain`; the second starts
            from its last weights, with a fresh optimiser and schedule. Either phase resumes.

    Raises:
        UserError: if config, data, devices and work directory do not fit together, the loss stops
            being finite, or on Ctrl-C or SIGTERM after saving.
    """
    first, init_from = None, config.train.init_from
    with processes.together():
        if init_from and not checkpoint.any_in(workdir):
            checkpoint.list_checkpoints(init_from, best_metric="")  # refuses one without any
        if pretraining:
            start, init_from = init_from, os.path.join(workdir, "pretrain")
            if not checkpoint.any_in(workdir):
                first = Trainer(make_task, pretraining, init_from, init_from=start)
        trainer = Trainer(make_task, config, workdir, init_from=init_from)
    _check_alike(trainer)
    with processes.together():
        _claim(workdir, config, overrides)
        if first:
            _claim(init_from, first.config, overrides)
    with memory_suffices("lower train.batch_size or raise train.accumulation_steps"):
        if first:
            first.run(with_evaluation=False)
        trainer.run(with_evaluation=with_evaluation)


def _claim(workdir: str, config: ml_collections.ConfigDict, overrides: Mapping[str, Any]) -> None:
    if processes.is_first():
        claim(workdir, _plain(config), overrides)


def _plain(config: ml_collections.ConfigDict) -> dict[str, Any]:
    return json.loads(config.to_json_best_effort())


def _check_alike(trainer: Trainer) -> None:
    """Refuses processes of one run that were started with unlike configs or see unlike data."""
    facts = {
        trainer.task.unit: trainer.task.sizes,
        "devices": len(trainer.parallel.devices),
        "eval batch": trainer.config.eval.batch_size,  # a rerun may change it, a process may not
        "log every": trainer.config.train.log_every_steps,
    }
    first, *others = processes.gather(_plain(trainer.config) | facts)
    for index, other in enumerate(others, start=1):
        if fields := differing_fields(first, other):
            raise UserError(
                f"process {index} differs from process 0 (0 -> {index}); start all with the same "
                f"command, on the same data and as many devices:\n{list_some(fields)}"
            )
