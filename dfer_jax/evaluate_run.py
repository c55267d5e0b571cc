"""Evaluates the checkpoints of a work directory: the last epoch and the best one."""

from collections.abc import Callable, Collection
from typing import Any

import jax
import ml_collections
from absl import logging

from dfer_jax import checkpoint, clip_data, evaluate, experiment, parallel, processes, report
from dfer_jax.data.cached_source import CachedSource, Source
from dfer_jax.errors import UserError, list_some
from dfer_jax.labels import CLASSES
from dfer_jax.workdir import differing_fields


def evaluate_checkpoints(
    config: ml_collections.ConfigDict, workdir: str, *, overrides: Collection[str] = ()
) -> None:
    """Prints and writes the scores of the last and the best epoch, then the report.

    Writes `eval/<split>.json` (last epoch), `eval/<split>.best.json` and `report.html`; where there
    are validation clips, the same of them as `eval/validation.json` and `validation.best.json`.
    Frames are sampled and sized as the checkpoint says.

    Args:
        config: says which data to evaluate on; its model must be the checkpoint's.
        workdir: of the run, or of imported weights.
        overrides: fields such as "data.sampling" that hold although the checkpoint says otherwise.

    Raises:
        UserError: if there is no checkpoint, or it is of another model than the config's.
    """
    devices = parallel.over(jax.local_devices())
    experiment.check(config, devices)
    steps = checkpoint.list_checkpoints(workdir, best_metric="war")
    name = experiment.splits(config).test_name
    sources: clip_data.Sources | None = None
    eval_step: Callable | None = None
    results: dict[tuple[str, int], evaluate.Evaluation] = {}
    for which, step in steps.items():
        variables, metadata = checkpoint.load_weights(workdir, step)
        _check_same_model(config, metadata)
        config = _as_trained(config, metadata["preprocess"], overrides)
        sources = sources or clip_data.open_sources(config)  # a cache has the checkpoint's size
        eval_step = eval_step or _make_step(config, devices)  # compiled once for all that follows
        selection = metadata["selection"] if which == "best" else last_is(metadata)
        validation = {} if sources.validation is None else {"validation": sources.validation}
        for split, source in {**validation, name: sources.test}.items():
            if (split, step) not in results:  # the last epoch is often the best one
                batches = clip_data.evaluation_batches(config, source)
                results[split, step] = evaluate.evaluate(eval_step, variables, batches, devices)
            result = results[split, step]
            about = _about(config, metadata, name=split, selection=selection, step=step)
            file_name = split if which == "last" else f"{split}.{which}"
            title = f"{config.data.dataset} {split}, {in_words(selection)}, step {step}"
            if processes.is_first():
                path = evaluate.write_evaluation(workdir, file_name, result, about)
                print(f"\n{evaluate.table(result, title)}\nwrote {path}")
    if processes.is_first():
        read_frames = _frame_reader(sources.test, results[name, step])
        print(f"wrote {report.write_report(workdir, filmstrips=read_frames)}")


def _make_step(config: ml_collections.ConfigDict, devices: parallel.Parallel) -> Callable:
    model = experiment.create_model(
        config.model.name,
        experiment.model_kwargs(config),
        dtype=config.model.dtype,
        parallel=devices,
    )
    return evaluate.make_eval_step(model, image_size=config.model.image_size, parallel=devices)


def _check_same_model(config: ml_collections.ConfigDict, metadata: dict[str, Any]) -> None:
    """Refuses a checkpoint of another model than the config's."""
    asked = {"name": config.model.name, "kwargs": experiment.model_kwargs(config)}
    if fields := differing_fields(metadata["model"], asked):
        raise UserError(
            "the checkpoint is of another model than the config; use its config, or set these "
            f"fields back (checkpoint -> config):\n{list_some(fields)}"
        )
    if tuple(metadata["classes"]) != CLASSES:
        raise UserError(f"the checkpoint has classes {metadata['classes']}, expected {CLASSES}")


def _as_trained(
    config: ml_collections.ConfigDict, preprocess: dict[str, Any], overrides: Collection[str]
) -> ml_collections.ConfigDict:
    """The config with the checkpoint's sampling and sizes, but for what the user overrides."""
    config = config.copy_and_resolve_references()
    for field in ("segments", "frames_per_segment", "sampling", "decode_size"):
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


def last_is(metadata: dict[str, Any]) -> str:
    """What the latest checkpoint is: the last epoch of a training run, or imported weights."""
    return "last" if metadata["source"] == "trained" else "imported"


def in_words(selection: str) -> str:
    """Returns what a selection means."""
    return {
        "last": "last epoch",
        "imported": "imported weights",
        "best on test": "best epoch on test (the papers' protocol)",
        "best on validation": "best epoch on validation clips",
    }[selection]


def _frame_reader(source: Source, evaluated: evaluate.Evaluation) -> Callable[[str], list[bytes]]:
    """Returns a function from the id of an evaluated clip to its encoded frames."""
    encoded = source.encoded if isinstance(source, CachedSource) else source
    rows = {clip["clip_id"]: row for row, clip in enumerate(evaluated.predictions)}
    return lambda clip_id: encoded[rows[clip_id]]["frames"]
