"""Evaluates the checkpoints of a work directory: the last epoch and the best one."""

import dataclasses
from collections.abc import Callable, Collection, Iterable
from typing import Any

import jax
import ml_collections
from flax import linen as nn
from jaxtyping import PyTree

from dfer_jax.clips import experiment, noisy_labels, report
from dfer_jax.clips.evaluation import Evaluation, evaluate, make_eval_step, table, write_evaluation
from dfer_jax.clips.shared_classes import Meeting, meet
from dfer_jax.clips.sources import evaluation_batches, open_sources
from dfer_jax.data.cached_source import CachedSource, Source
from dfer_jax.data.crops import crop_of
from dfer_jax.data.frame_protocol import FrameProtocol
from dfer_jax.data.identity import read_if_there
from dfer_jax.errors import UserError
from dfer_jax.runs import checkpoint, checkpoint_metadata, evaluation_files, given_weights
from dfer_jax.runtime import parallel, processes
from dfer_jax.training import network, random_views
from dfer_jax.training.agreement import Agreement

_AS_TRAINED = (*(field.name for field in dataclasses.fields(FrameProtocol)), "decode_size")


def evaluate_checkpoints(
    config: ml_collections.ConfigDict,
    workdir: str,
    *,
    overrides: Collection[str] = (),
    weights: str = "",
) -> None:
    """Prints and writes the scores of the last and the best epoch, then the report.

    Writes `eval/<split>.json` (last epoch), `eval/<split>.best.json` and `report.html`; where there
    are validation clips, the same of them as `eval/validation.json` and `validation.best.json`.
    Frames are sampled and sized as the checkpoint says. With `robust.method` "agreement" the last
    epoch also judges the training clips, as `judge_last_checkpoint` does. Where the work directory
    cannot be written the scores are only printed.

    Args:
        config: says which data to evaluate on; its model must be the checkpoint's.
        workdir: of the run, or of imported weights.
        overrides: fields such as "data.sampling" that hold although the checkpoint says otherwise.
        weights: a run, imported weights or a pretrained folder, that is evaluated in place of
            `workdir` and stays as it is.

    Raises:
        UserError: if there is no checkpoint, it is of another model than the config's, or of other
            classes than the data set's without `eval.shared_classes`.
    """
    devices = parallel.over(jax.local_devices())
    experiment.check(config, devices)
    given = weights or workdir
    steps = checkpoint.list_checkpoints(given, best_metric="war")
    name = experiment.splits(config).test_name
    data = config.data
    contents = read_if_there(data.dataset, data.data_dir) if weights else None
    met: Meeting | None = None
    results: dict[tuple[str, int], Evaluation] = {}
    judged: noisy_labels.Judged | None = None
    for which, step in steps.items():
        config, variables, metadata = _restore(config, given, step, overrides)
        if met is None:  # a cache has the checkpoint's size
            met = _meet(config, metadata, test=name)
            eval_step = _eval_step(config, metadata, met, devices)  # compiled once for all
        selection = (
            metadata["selection"] if which == "best" else checkpoint_metadata.last_is(metadata)
        )
        held_out = met.sources.validation
        validation = {} if held_out is None else {"validation": held_out}
        for split, source in {**validation, name: met.sources.test}.items():
            if (split, step) not in results:  # the last epoch is often the best one
                batches = evaluation_batches(config, source)
                results[split, step] = evaluate(
                    eval_step, variables, batches, devices, classes=met.shared.names
                )
            about = _about(config, metadata, name=split, selection=selection, step=step)
            if weights:
                about["weights"] = given_weights.identity(weights, step)
                about["contents"] = contents
            if processes.is_first():
                _write(workdir, which, results[split, step], about | met.about(split))
        judges = config.robust.method == "agreement" and met.shared.are_all and not weights
        if which == "last" and judges and not evaluation_files.why_not_kept(workdir):
            of_train = _about(config, metadata, name="train", selection=selection, step=step)
            judged = _judge(config, workdir, met.sources.train, variables, of_train, devices)
    if processes.is_first() and not evaluation_files.why_not_kept(workdir):
        frames = {}
        if judged:
            frames["training_filmstrips"] = _frame_reader(met.sources.train, judged.clip_ids)
        if report.shown_in_full(workdir) == evaluation_files.stem(about):
            shown = [row["clip_id"] for row in results[name, step].predictions]
            frames["filmstrips"] = _frame_reader(met.sources.test, shown)
        print(f"wrote {report.write_report(workdir, **frames)}")


def _eval_step(
    config: ml_collections.ConfigDict,
    metadata: dict[str, Any],
    met: Meeting,
    devices: parallel.Parallel,
) -> Callable:
    return make_eval_step(
        _model(config, len(metadata["classes"]), devices),
        image_size=config.model.image_size,
        parallel=devices,
        logits_of=met.logits_of,
        view_average=config.data.view_average,
    )


def _write(workdir: str, which: str, result: Evaluation, about: dict[str, Any]) -> None:
    """Writes one evaluation, where that is possible, and prints its table."""
    told = evaluation_files.why_not_kept(workdir)
    if not told:
        file_name = evaluation_files.stem(about) + ".best" * (which == "best")
        told = f"wrote {write_evaluation(workdir, file_name, result, about)}"
    chosen = checkpoint_metadata.in_words(about["selection"])
    title = f"{about['dataset']} {about['split']}, {chosen}, step {about['step']}"
    warning = f"\nwarning: {seen}" if (seen := about.get("seen_before")) else ""
    print(f"\n{table(result, title)}{warning}\n{told}")


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
    sources = open_sources(config)
    checkpoint_metadata.check_same_classes(metadata, sources.train.classes)
    source = sources.train
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
    model = _model(config, len(source.classes), devices)
    robust = {name: config.robust[name] for name in ("views", "a_noisy", "m_noisy")}
    batches = evaluation_batches(config, source, views=config.robust.views)
    view_step = random_views.make_view_step(
        model, image_size=config.model.image_size, parallel=devices
    )
    settings = Agreement(warmup_epochs=0, ramp_epochs=0, **robust)
    judged = noisy_labels.judge_clips(
        view_step, variables, batches, devices, settings, classes=source.classes
    )
    if processes.is_first():
        about = about | {"robust": robust, "seed": config.seed}
        path = noisy_labels.write_judged(workdir, "train", judged, about)
        counts = ", ".join(f"{count} {name}" for name, count in judged.counts.items())
        print(f"\n{len(judged)} training clips by {judged.views} views: {counts}\nwrote {path}")
    return judged


def _meet(config: ml_collections.ConfigDict, metadata: dict[str, Any], *, test: str) -> Meeting:
    checkpoint_metadata.warn_of_other_frames(metadata, config.data.dataset)
    checkpoint_metadata.warn_of_other_crops(
        metadata,
        crop_of(config.data.dataset, config.data.data_dir),
        dataset=config.data.dataset,
    )
    return meet(
        open_sources(config),
        model=metadata["classes"],
        dataset=config.data.dataset,
        on_shared=config.eval.shared_classes,
        test=test,
    )


def _restore(
    config: ml_collections.ConfigDict, workdir: str, step: int, overrides: Collection[str]
) -> tuple[ml_collections.ConfigDict, PyTree, dict[str, Any]]:
    """Returns the config as trained, the weights and their metadata."""
    variables, metadata = checkpoint.load_weights(workdir, step)
    checkpoint_metadata.check_same_model(
        metadata,
        name=config.model.name,
        kwargs=experiment.model_kwargs(config, num_classes=len(metadata["classes"])),
    )
    network.check_weights(variables, metadata, folder=workdir)
    stored = metadata["preprocess"] | FrameProtocol.of(metadata["preprocess"]).to_json()
    config = checkpoint_metadata.as_trained(config, stored, fields=_AS_TRAINED, overrides=overrides)
    return config, variables, metadata


def _about(
    config: ml_collections.ConfigDict, metadata: dict[str, Any], **chosen: Any
) -> dict[str, Any]:
    preprocess = experiment.preprocess(config)
    return checkpoint_metadata.about(metadata, config=config, preprocess=preprocess, **chosen)


def _model(
    config: ml_collections.ConfigDict, num_classes: int, devices: parallel.Parallel
) -> nn.Module:
    return network.create_model(
        config.model.name,
        experiment.model_kwargs(config, num_classes=num_classes),
        dtype=config.model.dtype,
        parallel=devices,
    )


def _frame_reader(source: Source, clip_ids: Iterable[str]) -> Callable[[str], list[bytes]]:
    """Returns a function from a clip id, one of the source's in order, to its encoded frames."""
    encoded = source.encoded if isinstance(source, CachedSource) else source
    rows = {str(clip_id): row for row, clip_id in enumerate(clip_ids)}
    return lambda clip_id: encoded[rows[clip_id]]["frames"]
