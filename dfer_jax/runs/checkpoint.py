"""Orbax checkpoints of a work directory: the weights, the optimiser, and what they mean.

Each step holds two trees, `weights` (params and batch_stats) and `optimizer`, and a JSON with the
model, label order and preprocessing, so that evaluating needs nothing else. The order in which a
run looks for its start: 1. its own latest checkpoint (resume), 2. the last weights of another work
directory (`train.init_from`, or its own pre-training), 3. random weights.

Of several processes all must call each of these functions, on storage that they share.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import metadata as packages
from typing import Any

import jax
from absl import logging
from jaxtyping import PyTree
from orbax.checkpoint import v1 as ocp

from dfer_jax import shortages
from dfer_jax.errors import UserError, writing
from dfer_jax.runs import checkpoint_damage, checkpoint_files, checkpoint_trees, pretrained_folder
from dfer_jax.runs.checkpoint_files import DamagedError, checkpoint_dir
from dfer_jax.runs.resumption import ReadContents, check_same_data
from dfer_jax.runs.train_state import TrainState
from dfer_jax.runs.workdir import refuse_patterns
from dfer_jax.runs.workdir_lock import takes_import
from dfer_jax.runtime import failing_together, processes

FORMAT = 1
_PACKAGES = ("dfer_jax", "jax", "flax", "optax", "orbax-checkpoint", "numpy")
_NO_METRIC = -1.0
_AT_ONCE = 2**26  # bytes of imported weights that are encoded at a time


def make_metadata(
    *,
    model_name: str,
    model_kwargs: Mapping[str, object],
    classes: Sequence[str],
    preprocess: Mapping[str, object],
    dataset: str,
    source: str,
) -> dict[str, Any]:
    """Returns the JSON stored beside the weights.

    Args:
        model_name: key of `models.MODELS`.
        model_kwargs: arguments of `create_model`, as plain values.
        classes: class names in the order of the logits.
        preprocess: frame sampling, sizes and value range the weights expect.
        dataset: what they were trained on.
        source: where they come from ("trained", or the name of an imported file).
    """
    return {
        "format": FORMAT,
        "model": {"name": model_name, "kwargs": dict(model_kwargs)},
        "classes": list(classes),
        "preprocess": dict(preprocess),
        "dataset": dataset,
        "source": source,
        "versions": {name: packages.version(name) for name in _PACKAGES},
    }


class Checkpoints:
    """The checkpoints of one run: the latest two and, by `best_metric`, the best.

    A context manager; leaving it waits for the last save.
    """

    def __init__(self, workdir: str, *, best_metric: str) -> None:
        """Opens (or creates) `<workdir>/checkpoints`, setting aside what is damaged there.

        Args:
            workdir: of the run.
            best_metric: is highest at the best.

        Raises:
            UserError: if all that are there are damaged.
        """
        checkpoint_trees.keep_quiet()
        self._workdir, self._best_metric = workdir, best_metric
        self.resumed: Mapping[str, Any] = {}  # what the checkpoint gone on from says of itself
        self._unfinished: Future[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._latest = checkpoint_damage.set_damaged_aside(workdir)
        self._checkpointer = self._open()

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        try:
            self._thread.shutdown()
            if kind is None:  # else what made the run stop is said, not what followed
                self.raise_if_failed()
        finally:
            with contextlib.suppress(Exception):  # said by `raise_if_failed`, of the same save
                self._checkpointer.close()

    def save(
        self, state: TrainState, *, metrics: Mapping[str, float], metadata: Mapping[str, Any]
    ) -> None:
        """Saves in the background; without `best_metric` in `metrics` the step cannot be best.

        Raises:
            UserError: if this one, or the one before, cannot be written.
        """
        step = int(state.step)
        self._wait()
        trees = state.trees
        size = sum(leaf.nbytes for leaf in jax.tree.leaves(trees))
        with self._said_in_a_sentence(step, size):
            written = self._checkpointer.save_checkpointables_async(
                step,
                checkpoint_trees.of_all(trees),
                metrics={self._best_metric: _NO_METRIC, **metrics},
                custom_metadata=dict(metadata),
                force=True,
                overwrite=True,
            )
        self._unfinished = self._thread.submit(self._finish, step, size, written)

    def raise_if_failed(self) -> None:
        """Lets a save that failed in the background fail the run; call it after every step.

        UserError if the disk is full, closed or gone.
        """
        if self._unfinished is not None and self._unfinished.done():
            self._wait()

    def restore_latest(
        self, like: TrainState, *, metadata: Mapping[str, Any], contents: ReadContents = None
    ) -> TrainState | None:
        """Returns the latest intact state, shaped as `like`; None if there is none.

        Args:
            like: shapes and dtypes.
            metadata: what the next checkpoints will say of themselves.
            contents: of the data; see `resumption.check_same_data`.

        Raises:
            UserError: if the checkpoint is of other data, or of another model or optimiser.
        """
        while self._latest is not None:
            step = self._latest
            folder = checkpoint_files.step_dir(self._workdir, step)
            try:
                before = checkpoint_files.describe(folder)[0]
                check_same_data(self._workdir, step, before, metadata, contents)
                saved = checkpoint_trees.load(folder, like.trees)
                break
            except DamagedError as damage:
                self._latest = checkpoint_damage.set_damaged_aside(
                    self._workdir, {step: str(damage)}
                )
                self._checkpointer.close()
                self._checkpointer = self._open()  # it knows the steps it found at first
            except ValueError as error:
                raise UserError(
                    f"checkpoint {step} in {checkpoint_dir(self._workdir)} is of another model or "
                    f"optimiser ({error}); choose another --workdir"
                ) from error
        else:
            return None
        if processes.is_first():
            checkpoint_files.seal_late(folder)
        self.resumed = before
        processes.say(f"resuming from step {step}")
        return like.replace(
            step=jax.numpy.asarray(step, jax.numpy.int32),
            params=saved["weights"]["params"],
            batch_stats=saved["weights"]["batch_stats"],
            opt_state=saved["optimizer"]["state"],
            centres=saved["optimizer"].get("centres", {}),
        )

    def _open(self) -> ocp.training.Checkpointer:
        policies = ocp.training.preservation_policies
        best = policies.BestN(get_metric_fn=lambda m: m.get(self._best_metric, _NO_METRIC), n=1)
        return ocp.training.Checkpointer(
            checkpoint_dir(self._workdir),
            preservation_policy=policies.AnyPreservationPolicy([policies.LatestN(2), best]),
            cleanup_tmp_directories=True,
        )

    def _finish(self, step: int, size: int, written: Any) -> None:
        """Waits for a save and puts it on the disk, with its checksums."""
        with failing_together.UNCUT, self._said_in_a_sentence(step, size):
            written.result()
            if processes.is_first():
                checkpoint_files.seal(checkpoint_files.step_dir(self._workdir, step))

    @contextlib.contextmanager
    def _said_in_a_sentence(self, step: int, size: int) -> Iterator[None]:
        """Turns what a full, closed or vanished disk makes Orbax raise into a `UserError`."""
        try:
            yield
        except Exception as error:
            folder = checkpoint_dir(self._workdir)
            if sentence := shortages.of_storage(error, needed=size, where=folder):
                raise UserError(f"checkpoint {step} was not saved, {sentence}") from error
            if not os.path.isdir(folder):
                raise UserError(
                    f"checkpoint {step} was not saved: {folder} is gone; put it back, or train "
                    "again in a new --workdir"
                ) from error
            raise

    def _wait(self) -> None:
        unfinished, self._unfinished = self._unfinished, None
        if unfinished is not None:
            unfinished.result()


def list_checkpoints(workdir: str, *, best_metric: str) -> dict[str, int]:
    """Returns {"last": step, "best": step} of a run; "best" only if some step has the metric.

    An older checkpoint that is damaged is left out with a warning. UserError if there is no
    checkpoint, or the newest is damaged.
    """
    if pretrained_folder.is_one(workdir):
        return {"last": pretrained_folder.step_of(workdir)}
    found = checkpoint_files.steps(workdir)
    if not found:
        raise UserError(f"there is no checkpoint in {workdir}; train first or name another folder")
    scores = {}
    for step in reversed(found):
        try:
            _, scores[step] = checkpoint_files.describe(checkpoint_files.step_dir(workdir, step))
        except DamagedError as damage:
            if step == found[-1]:
                raise checkpoint_damage.refused(workdir, step, damage) from damage
            logging.warning("checkpoint %d is damaged (%s) and left out", step, damage)
    best = {s: m[best_metric] for s, m in scores.items() if m.get(best_metric, _NO_METRIC) >= 0}
    if not best:
        return {"last": found[-1]}
    return {"last": found[-1], "best": max(best, key=lambda s: (best[s], s))}


def any_in(workdir: str) -> bool:
    """Returns whether a work directory has a checkpoint that is not plainly damaged."""
    for step in checkpoint_files.steps(workdir):
        with contextlib.suppress(DamagedError):
            checkpoint_files.describe(checkpoint_files.step_dir(workdir, step))
            return True
    return False


def load_last_weights(workdir: str) -> tuple[dict[str, PyTree], dict[str, Any]]:
    """Returns what `load_weights` does, of the latest checkpoint."""
    return load_weights(workdir, list_checkpoints(workdir, best_metric="")["last"])


def load_weights(workdir: str, step: int) -> tuple[dict[str, PyTree], dict[str, Any]]:
    """Returns ({"params", "batch_stats"}, metadata) of one checkpoint, or of a pretrained folder.

    UserError if it is damaged, or was written by another format.
    """
    if pretrained_folder.is_one(workdir):
        return pretrained_folder.read(workdir)
    folder = checkpoint_files.step_dir(workdir, step)
    try:
        metadata, _ = checkpoint_files.describe(folder)
        if metadata["format"] != FORMAT:
            raise UserError(
                f"checkpoint {step} in {checkpoint_dir(workdir)} has format "
                f"{metadata['format']!r}, this version reads {FORMAT}"
            )
        checkpoint_files.check_content(folder, without="optimizer")
        return checkpoint_trees.load(folder)["weights"], metadata
    except DamagedError as damage:
        raise checkpoint_damage.refused(workdir, step, damage) from damage


def save_weights(workdir: str, variables: dict[str, PyTree], metadata: Mapping[str, Any]) -> None:
    """Writes imported weights as step 0 of a new work directory, ready for `dfer eval`.

    UserError if the directory exists and is not empty, or cannot be written.
    """
    if not takes_import(workdir):
        raise UserError(f"{workdir} exists and is not empty; choose a new directory")
    refuse_patterns(workdir)
    with writing(workdir, "choose a new directory elsewhere"):
        os.makedirs(workdir, exist_ok=True)
        checkpoint_files.clear_unfinished(workdir)
    checkpoint_trees.keep_quiet()
    in_parts = ocp.Context()
    in_parts.memory.deepcopy_host_arrays = False
    in_parts.memory.write_concurrent_bytes = _AT_ONCE
    with in_parts, ocp.training.Checkpointer(checkpoint_dir(workdir)) as checkpointer:
        checkpointer.save_checkpointables(0, {"weights": variables}, custom_metadata=dict(metadata))
    checkpoint_files.seal(checkpoint_files.step_dir(workdir, 0))
