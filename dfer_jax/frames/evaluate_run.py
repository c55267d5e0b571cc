"""Evaluates the checkpoints of a run on frames: the last epoch and the best one."""

from collections.abc import Collection
from typing import Any

import jax
import ml_collections
from absl import logging

from dfer_jax import checkpoint, parallel, processes
from dfer_jax.errors import UserError, list_some
from dfer_jax.evaluate_run import in_words, last_is
from dfer_jax.frames import experiment
from dfer_jax.frames.evaluation import FrameEvaluation, table, write_evaluation
from dfer_jax.frames.report import write_report
from dfer_jax.frames.scorer import Scorer
from dfer_jax.frames.task import FrameTask
from dfer_jax.workdir import differing_fields

_AS_TRAINED = ("window", "max_gap", "decode_size")


def evaluate_checkpoints(
    config: ml_collections.ConfigDict, workdir: str, *, overrides: Collection[str] = ()
) -> None:
    """Prints and writes the scores of the last and the best epoch, then the report.

    Writes `eval/<split>.json` (last epoch) and `eval/<split>.best.json`, each with the logits of
    every frame beside it, the same of `validation` where videos were held out, and `report.html`.
    Windows and sizes are those of the checkpoint.

    Args:
        config: says which data to evaluate on; its model must be the checkpoint's.
        workdir: of the run.
        overrides: fields such as "data.decode_size" that hold although the checkpoint says
            otherwise.

    Raises:
        UserError: if there is no checkpoint, or it is of another model than the config's.
    """
    devices = parallel.over(jax.local_devices())
    experiment.check(config, devices)
    steps = checkpoint.list_checkpoints(workdir, best_metric=FrameTask.best_metric)
    results: dict[tuple[str, int], FrameEvaluation] = {}
    parts, scorer = None, None
    for which, step in steps.items():
        variables, metadata = checkpoint.load_weights(workdir, step)
        _check_same_model(config, metadata)
        config = _as_trained(config, metadata["preprocess"], overrides)
        parts = parts or experiment.open_parts(config)
        scorer = scorer or Scorer(config, experiment.create_model(config, devices), devices)
        selection = metadata["selection"] if which == "best" else last_is(metadata)
        held_out = {} if parts.validation is None else {"validation": parts.validation}
        for split, part in {**held_out, config.data.test_split: parts.test}.items():
            if (split, step) not in results:  # the last epoch is often the best one
                results[split, step] = scorer.evaluate(part, variables)
            result = results[split, step]
            about = _about(config, metadata, name=split, selection=selection, step=step)
            file_name = split if which == "last" else f"{split}.{which}"
            title = f"{config.data.dataset} {split}, {in_words(selection)}, step {step}"
            if processes.is_first():
                path = write_evaluation(workdir, file_name, result, about)
                print(f"\n{table(result, title)}\nwrote {path}")
    if processes.is_first():
        print(f"wrote {write_report(workdir)}")


def _check_same_model(config: ml_collections.ConfigDict, metadata: dict[str, Any]) -> None:
    """Refuses a checkpoint of another model, or of other classes, than the config's."""
    asked = {"name": config.model.name, "kwargs": experiment.model_kwargs(config)}
    if fields := differing_fields(metadata["model"], asked):
        raise UserError(
            "the checkpoint is of another model than the config; use its config, or set these "
            f"fields back (checkpoint -> config):\n{list_some(fields)}"
        )
    expected = experiment.class_names(config)
    if tuple(metadata["classes"]) != expected:
        found = ", ".join(metadata["classes"])
        raise UserError(f"the checkpoint labels frames by {found}; expected {', '.join(expected)}")


def _as_trained(
    config: ml_collections.ConfigDict, preprocess: dict[str, Any], overrides: Collection[str]
) -> ml_collections.ConfigDict:
    """The config with the checkpoint's windows and sizes, but for what the user overrides."""
    config = config.copy_and_resolve_references()
    for field in _AS_TRAINED:
        if f"data.{field}" not in overrides:
            config.data[field] = preprocess[field]
        elif config.data[field] != preprocess[field]:
            used, trained = config.data[field], preprocess[field]
            logging.warning(
                "data.%s=%s, but the weights were trained with %s", field, used, trained
            )
    return config


def _about(
    config: ml_collections.ConfigDict,
    metadata: dict[str, Any],
    *,
    name: str,
    selection: str,
    step: int,
) -> dict[str, Any]:
    """What was evaluated, for the JSON file."""
    return {
        "task": "frames",
        "dataset": config.data.dataset,
        "split": name,
        "selection": selection,
        "step": step,
        "epoch": step / metadata.get("steps_per_epoch", 1),
        "model": metadata["model"],
        "preprocess": experiment.preprocess(config),
        "source": metadata["source"],
        "trained_on": metadata["dataset"],
        "versions": metadata["versions"],
    }
