"""Evaluates the checkpoints of a work directory: the last epoch and the best one."""

from collections.abc import Callable, Collection, Iterable
from typing import Any

import jax
import ml_collections
from flax import linen as nn
from jaxtyping import PyTree

from dfer_jax.clips import experiment, noisy_labels, report
from dfer_jax.clips.evaluation import Evaluation, evaluate, make_eval_step, table, write_evaluation
from dfer_jax.clips.sources import Sources, evaluation_batches, open_sources
from dfer_jax.data.cached_source import CachedSource, Source
from dfer_jax.errors import UserError
from dfer_jax.labels import CLASSES
from dfer_jax.runs import checkpoint, checkpoint_metadata
from dfer_jax.runtime import parallel, processes
from dfer_jax.training import network, random_views
from dfer_jax.training.agreement import Agreement

_AS_TRAINED = ("segments", "frames_per_segment", "sampling", "decode_size")


def evaluate_checkpoints(
    config: ml_collections.ConfigDict, workdir: str, *, overrides: Collection[str] = ()
) -> None:
    """Prints and writes the scores of the last and the best epoch, then the report.

    Writes `eval/<split>.json` (last epoch), `eval/<split>.best.json` and `report.html`; where there
    are validation clips, the same of them as `eval/validation.json` and `validation.best.json`.
    Frames are sampled and sized as the checkpoint says. With `robust.method` "agreement" the last
    epoch also judges the training clips, as `judge_last_checkpoint` does.

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
    sources: Sources | None = None
    eval_step: Callable | None = None
    results: dict[tuple[str, int], Evaluation] = {}
    training_frames = None
    for which, step in steps.items():
        config, variables, metadata = _restore(config, workdir, step, overrides)
        sources = sources or open_sources(config)  # a cache has the checkpoint's size
        model = _model(config, devices)
        eval_step = eval_step or make_eval_step(  # compiled once for all that follows
            model, image_size=config.model.image_size, parallel=devices
        )
        selection = (
            metadata["selection"] if which == "best" else checkpoint_metadata.last_is(metadata)
        )
        validation = {} if sources.validation is None else {"validation": sources.validation}
        for split, source in {**validation, name: sources.test}.items():
            if (split, step) not in results:  # the last epoch is often the best one
                batches = evaluation_batches(config, source)
                results[split, step] = evaluate(eval_step, variables, batches, devices)
            result = results[split, step]
            about = _about(config, metadata, name=split, selection=selection, step=step)
            file_name = split if which == "last" else f"{split}.{which}"
            chosen = checkpoint_metadata.in_words(selection)
            title = f"{config.data.dataset} {split}, {chosen}, step {step}"
            if processes.is_first():
                path = write_evaluation(workdir, file_name, result, about)
                print(f"\n{table(result, title)}\nwrote {path}")
        if which == "last" and config.robust.method == "agreement":
            about = _about(config, metadata, name="train", selection=selection, step=step)
            judged = _judge(config, workdir, sources.train, variables, about, devices)
            training_frames = _frame_reader(sources.train, judged.clip_ids)
    if processes.is_first():
        shown = [row["clip_id"] for row in results[name, step].predictions]
        test_frames = _frame_reader(sources.test, shown)
        frames = {"filmstrips": test_frames, "training_filmstrips": training_frames}
        print(f"wrote {report.write_report(workdir, **frames)}")


def judge_last_checkpoint(
    config: ml_collections.ConfigDict, workdir: str, *, overrides: Collection[str] = ()
) -> noisy_labels.Judged:
    """Judges the training clips by random views of them, and returns what these say.

    Prints the counts of the verdicts, writes `eval/train.judged.json` and `.csv`, and writes
    `report.html` again where there is an evaluation to report. The views, `robust.views` of each
    clip, are drawn by the seed and the clip alone; the settings are those of `config.robust`,
    whatever the run was trained with.

    Args:
        config: of the run; says which clips are trained on.
        workdir: of the run.
        overrides: as in `evaluate_checkpoints`.

    Raises:
        UserError: if there is no checkpoint, it is of another model than the config's, or the
            config is of videos labelled frame by frame.
    """
    if config.task != "clips":
        raise UserError(f"task={config.task!r}, but only clips with one label each are judged")
    devices = parallel.over(jax.local_devices())
    experiment.check(config, devices)
    step = checkpoint.list_checkpoints(workdir, best_metric="war")["last"]
    config, variables, metadata = _restore(config, workdir, step, overrides)
    source = open_sources(config).train
    about = _about(
        config, metadata, name="train", selection=checkpoint_metadata.last_is(metadata), step=step
    )
    judged = _judge(config, workdir, source, variables, about, devices)
    if processes.is_first():
        if report.is_evaluated(workdir):
            frames = _frame_reader(source, judged.clip_ids)
            print(f"wrote {report.write_report(workdir, training_filmstrips=frames)}")
        else:
            print("no report.html: evaluate the run first, with dfer eval")
    return judged


def _judge(
    config: ml_collections.ConfigDict,
    workdir: str,
    source: Source,
    variables: PyTree,
    about: dict[str, Any],
    devices: parallel.Parallel,
) -> noisy_labels.Judged:
    """Judges the clips of a source, writes what was found and prints the counts."""
    robust = {name: config.robust[name] for name in ("views", "a_noisy", "m_noisy")}
    batches = evaluation_batches(config, source, views=config.robust.views)
    view_step = random_views.make_view_step(
        _model(config, devices), image_size=config.model.image_size, parallel=devices
    )
    settings = Agreement(warmup_epochs=0, ramp_epochs=0, **robust)
    judged = noisy_labels.judge_clips(view_step, variables, batches, devices, settings)
    if processes.is_first():
        about = about | {"robust": robust, "seed": config.seed}
        path = noisy_labels.write_judged(workdir, "train", judged, about)
        counts = ", ".join(f"{count} {name}" for name, count in judged.counts.items())
        print(f"\n{len(judged)} training clips by {judged.views} views: {counts}\nwrote {path}")
    return judged


def _restore(
    config: ml_collections.ConfigDict, workdir: str, step: int, overrides: Collection[str]
) -> tuple[ml_collections.ConfigDict, PyTree, dict[str, Any]]:
    """Returns the config as trained, the weights and their metadata."""
    variables, metadata = checkpoint.load_weights(workdir, step)
    checkpoint_metadata.check_same(
        metadata,
        name=config.model.name,
        kwargs=experiment.model_kwargs(config),
        classes=CLASSES,
    )
    config = checkpoint_metadata.as_trained(
        config, metadata["preprocess"], fields=_AS_TRAINED, overrides=overrides
    )
    return config, variables, metadata


def _about(
    config: ml_collections.ConfigDict, metadata: dict[str, Any], **chosen: Any
) -> dict[str, Any]:
    preprocess = experiment.preprocess(config)
    return checkpoint_metadata.about(metadata, config=config, preprocess=preprocess, **chosen)


def _model(config: ml_collections.ConfigDict, devices: parallel.Parallel) -> nn.Module:
    return network.create_model(
        config.model.name,
        experiment.model_kwargs(config),
        dtype=config.model.dtype,
        parallel=devices,
    )


def _frame_reader(source: Source, clip_ids: Iterable[str]) -> Callable[[str], list[bytes]]:
    """Returns a function from a clip id, one of the source's in order, to its encoded frames."""
    encoded = source.encoded if isinstance(source, CachedSource) else source
    rows = {str(clip_id): row for row, clip_id in enumerate(clip_ids)}
    return lambda clip_id: encoded[rows[clip_id]]["frames"]
