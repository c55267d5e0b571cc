"""Orbax checkpoints of a work directory: the weights, the optimiser, and what they mean.

Each step holds two trees, `weights` (params and batch_stats) and `optimizer`, and a JSON with the
model, label order and preprocessing, so that evaluating needs nothing else. The order in which a
run looks for its start: 1. its own latest checkpoint (resume), 2. the last weights of another work
directory (`train.init_from`, or its own pre-training), 3. random weights.

Of several processes all must call each of these functions, on storage that they share.
"""

import os
from collections.abc import Mapping, Sequence
from importlib import metadata as packages
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec, Sharding, SingleDeviceSharding
from jaxtyping import PyTree
from orbax.checkpoint import v1 as ocp

from dfer_jax.errors import UserError, list_some
from dfer_jax.runs.train_state import TrainState
from dfer_jax.runtime import processes

FORMAT = 1
_PACKAGES = ("dfer_jax", "jax", "flax", "optax", "orbax-checkpoint", "numpy")
_NO_METRIC = -1.0


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


def checkpoint_dir(workdir: str) -> str:
    """Returns the absolute path of a work directory's checkpoints."""
    return os.path.join(os.path.abspath(workdir), "checkpoints")


class Checkpoints:
    """The checkpoints of one run: the latest and, by `best_metric`, the best.

    A context manager; leaving it waits for the last save.
    """

    def __init__(self, workdir: str, *, best_metric: str) -> None:
        """Opens (or creates) `<workdir>/checkpoints`; `best_metric` is highest at the best."""
        policies = ocp.training.preservation_policies
        self._best_metric = best_metric
        self._checkpointer = ocp.training.Checkpointer(
            checkpoint_dir(workdir),
            preservation_policy=policies.AnyPreservationPolicy(
                [
                    policies.LatestN(1),
                    policies.BestN(get_metric_fn=lambda m: m.get(best_metric, _NO_METRIC), n=1),
                ]
            ),
            cleanup_tmp_directories=True,
        )

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, *_: object) -> None:
        self._checkpointer.close()

    def save(
        self, state: TrainState, *, metrics: Mapping[str, float], metadata: Mapping[str, Any]
    ) -> None:
        """Saves in the background; without `best_metric` in `metrics` the step cannot be best."""
        self._checkpointer.save_checkpointables_async(
            int(state.step),
            _of_all({"weights": state.variables, "optimizer": {"state": state.opt_state}}),
            metrics={self._best_metric: _NO_METRIC, **metrics},
            custom_metadata=dict(metadata),
            force=True,
            overwrite=True,
        )

    def restore_latest(self, like: TrainState) -> TrainState | None:
        """Returns the latest saved state, shaped as `like`; None if there is none.

        Raises:
            UserError: if the checkpoint is damaged or of another model or optimiser.
        """
        latest = self._checkpointer.latest
        if latest is None:
            return None
        abstract = _placed({"weights": like.variables, "optimizer": {"state": like.opt_state}})
        try:
            saved = _own(self._checkpointer.load_checkpointables(latest.step, abstract))
        except Exception as error:  # orbax raises many kinds for unreadable or unlike trees
            raise UserError(
                f"checkpoint {latest.step} in {self._checkpointer.directory} cannot be resumed "
                f"({_first_line(error)}); it is damaged or of another model: delete it or choose "
                "another --workdir"
            ) from error
        processes.say(f"resuming from step {latest.step}")
        return like.replace(
            step=jax.numpy.asarray(latest.step, jax.numpy.int32),
            params=saved["weights"]["params"],
            batch_stats=saved["weights"]["batch_stats"],
            opt_state=saved["optimizer"]["state"],
        )


def list_checkpoints(workdir: str, *, best_metric: str) -> dict[str, int]:
    """Returns {"last": step, "best": step} of a run; "best" only if some step has the metric.

    Raises:
        UserError: if the directory has no checkpoint.
    """
    directory = checkpoint_dir(workdir)
    if not os.path.isdir(directory):
        raise UserError(f"there is no checkpoint in {workdir}; train first or correct --workdir")
    with ocp.training.Checkpointer(directory) as checkpointer:
        steps = {c.step: (c.metrics or {}) for c in checkpointer.checkpoints}
    if not steps:
        raise UserError(f"there is no finished checkpoint in {directory}; train first")
    found = {"last": max(steps)}
    scored = {s: m[best_metric] for s, m in steps.items() if m.get(best_metric, -1.0) >= 0}
    if scored:
        found["best"] = max(scored, key=lambda s: (scored[s], s))
    return found


def any_in(workdir: str) -> bool:
    """Returns whether a work directory has a finished checkpoint."""
    directory = checkpoint_dir(workdir)
    if not os.path.isdir(directory):
        return False
    with ocp.training.Checkpointer(directory) as checkpointer:
        return checkpointer.latest is not None


def with_weights(state: TrainState, workdir: str) -> TrainState:
    """Returns the state with parameters and statistics of a work directory's last checkpoint.

    Raises:
        UserError: if there is no checkpoint, or its weights are not of this model's shapes.
    """
    weights, metadata = load_last_weights(workdir)
    shapes = [
        {jax.tree_util.keystr(path): leaf.shape for path, leaf in jax.tree.leaves_with_path(tree)}
        for tree in (state.variables, weights)
    ]
    if shapes[0] != shapes[1]:
        differing = [
            f"{name}: {shapes[1].get(name, 'absent')}, here {shapes[0].get(name, 'absent')}"
            for name in sorted(shapes[0].keys() | shapes[1].keys())
            if shapes[0].get(name) != shapes[1].get(name)
        ]
        raise UserError(
            f"the weights in {workdir} ({metadata['model']['name']}) do not fit this model; set "
            f"its fields as there, or leave train.init_from out:\n{list_some(differing)}"
        )
    return state.replace(params=weights["params"], batch_stats=weights["batch_stats"])


def load_last_weights(workdir: str) -> tuple[dict[str, PyTree], dict[str, Any]]:
    """Returns what `load_weights` does, of the latest checkpoint."""
    return load_weights(workdir, list_checkpoints(workdir, best_metric="")["last"])


def load_weights(workdir: str, step: int) -> tuple[dict[str, PyTree], dict[str, Any]]:
    """Returns ({"params", "batch_stats"}, metadata) of one checkpoint.

    Raises:
        UserError: if it cannot be read or was written by another format.
    """
    with ocp.training.Checkpointer(checkpoint_dir(workdir)) as checkpointer:
        try:
            info = checkpointer.checkpointables_metadata(step)
            abstract = _placed({"weights": info.metadata["weights"]})
            weights = _own(checkpointer.load_checkpointables(step, abstract)["weights"])
        except Exception as error:  # orbax raises many kinds for unreadable files
            raise UserError(
                f"checkpoint {step} in {checkpoint_dir(workdir)} cannot be read "
                f"({_first_line(error)}); it is damaged or not one of ours"
            ) from error
    metadata = info.custom_metadata or {}
    if metadata.get("format") != FORMAT:
        raise UserError(
            f"checkpoint {step} in {checkpoint_dir(workdir)} has format "
            f"{metadata.get('format')!r}, this version reads {FORMAT}"
        )
    return weights, metadata


def save_weights(workdir: str, variables: dict[str, PyTree], metadata: Mapping[str, Any]) -> None:
    """Writes imported weights as step 0 of a new work directory, ready for `dfer eval`.

    Raises:
        UserError: if the directory exists and is not empty, or cannot be written.
    """
    if os.path.isdir(workdir) and os.listdir(workdir):
        raise UserError(f"{workdir} exists and is not empty; choose a new directory")
    try:
        os.makedirs(workdir, exist_ok=True)
    except OSError as error:
        raise UserError(f"{workdir} cannot be written: {error.strerror}") from error
    with ocp.training.Checkpointer(checkpoint_dir(workdir)) as checkpointer:
        checkpointer.save_checkpointables(0, {"weights": variables}, custom_metadata=dict(metadata))


def _sharding() -> Sharding:
    """Where trees are when they are saved and read: on the first device of every process."""
    if jax.process_count() == 1:
        return SingleDeviceSharding(jax.local_devices()[0])
    firsts = {d.process_index: d for d in reversed(jax.devices())}
    mesh = Mesh(np.array([firsts[i] for i in sorted(firsts)]), ("process",))
    return NamedSharding(mesh, PartitionSpec())


def _placed(tree: PyTree) -> PyTree:
    """Abstract arrays placed by `_sharding`, wherever they were saved."""
    sharding = _sharding()
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding), tree)


def _of_all(tree: PyTree) -> PyTree:
    """The tree that all processes hold a copy of, as one that Orbax saves together."""
    if jax.process_count() == 1:
        return tree
    sharding, first = _sharding(), jax.local_devices()[0]
    return jax.tree.map(
        lambda x: jax.make_array_from_single_device_arrays(
            x.shape, sharding, [s.data for s in x.addressable_shards if s.device == first]
        ),
        tree,
    )


def _own(tree: PyTree) -> PyTree:
    """This process's copy of a tree placed by `_sharding`."""
    return jax.tree.map(lambda x: x.addressable_data(0), tree)


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0][:200] if text else ''}"
