"""Evaluates the checkpoints of a run on frames: the last epoch and the best one."""

from collections.abc import Collection
from typing import Any

import jax
import ml_collections
from jaxtyping import PyTree

from dfer_jax.data.crops import crop_of
from dfer_jax.frames import experiment
from dfer_jax.frames.evaluation import FrameEvaluation, table, write_evaluation
from dfer_jax.frames.report import write_report
from dfer_jax.frames.scorer import Scorer
from dfer_jax.frames.task import FrameTask
from dfer_jax.runs import checkpoint, checkpoint_metadata
from dfer_jax.runs.evaluation_files import why_not_kept
from dfer_jax.runtime import parallel, processes
from dfer_jax.training.network import check_weights

_AS_TRAINED = ("window", "max_gap", "decode_size")


def evaluate_checkpoints(
    config: ml_collections.ConfigDict, workdir: str, *, overrides: Collection[str] = ()
) -> None:
    """Prints and writes the scores of the last and the best epoch, then the report.

    Writes `eval/<split>.json` (last epoch) and `eval/<split>.best.json`, each with the logits of
    every frame beside it, the same of `validation` where videos were held out, and `report.html`.
    Windows and sizes are those of the checkpoint. Where the work directory cannot be written the
    scores are only printed.

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
    parts = None
    for which, step in steps.items():
        config, variables, metadata = _restore(config, workdir, step, overrides)
        if parts is None:  # windows have the checkpoint's size
            parts = experiment.open_parts(config)
            scorer = Scorer(config, experiment.create_model(config, devices), devices)
        selection = (
            metadata["selection"] if which == "best" else checkpoint_metadata.last_is(metadata)
        )
        held_out = {} if parts.validation is None else {"validation": parts.validation}
        for split, part in {**held_out, config.data.test_split: parts.test}.items():
            if (split, step) not in results:  # the last epoch is often the best one
                results[split, step] = scorer.evaluate(part, variables)
            about = _about(config, metadata, name=split, selection=selection, step=step)
            if processes.is_first():
                _write(workdir, which, results[split, step], about)
    if processes.is_first() and not why_not_kept(workdir):
        print(f"wrote {write_report(workdir)}")


def _restore(
    config: ml_collections.ConfigDict, workdir: str, step: int, overrides: Collection[str]
) -> tuple[ml_collections.ConfigDict, PyTree, dict[str, Any]]:
    """Returns the config as trained, the weights and their metadata."""
    variables, metadata = checkpoint.load_weights(workdir, step)
    checkpoint_metadata.check_same_model(
        metadata, name=config.model.name, kwargs=experiment.model_kwargs(config)
    )
    check_weights(variables, metadata, folder=workdir)
    checkpoint_metadata.check_same_classes(metadata, experiment.class_names(config))
    dataset = config.data.dataset
    checkpoint_metadata.warn_of_other_crops(
        metadata, crop_of(dataset, config.data.data_dir), dataset=dataset
    )
    config = checkpoint_metadata.as_trained(
        config, metadata["preprocess"], fields=_AS_TRAINED, overrides=overrides
    )
    return config, variables, metadata


def _about(
    config: ml_collections.ConfigDict, metadata: dict[str, Any], **chosen: Any
) -> dict[str, Any]:
    preprocess = experiment.preprocess(config)
    about = checkpoint_metadata.about(metadata, config=config, preprocess=preprocess, **chosen)
    return {"task": "frames"} | about


def _write(workdir: str, which: str, result: FrameEvaluation, about: dict[str, Any]) -> None:
    """Writes one evaluation, where that is possible, and prints its table."""
    told = why_not_kept(workdir)
    if not told:
        file_name = about["split"] + ".best" * (which == "best")
        told = f"wrote {write_evaluation(workdir, file_name, result, about)}"
    chosen = checkpoint_metadata.in_words(about["selection"])
    title = f"{about['dataset']} {about['split']}, {chosen}, step {about['step']}"
    print(f"\n{table(result, title)}\n{told}")
