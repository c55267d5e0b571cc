"""The work directory of a run: its config, its overrides, and who may use it again."""

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import ml_collections

from dfer_jax.errors import UserError, list_some, writing
from dfer_jax.runs.read_files import read_json
from dfer_jax.runtime.durable_files import write_json

CONFIG_FILE = "config.json"
# What a rerun may change: it decides where data lies and how it is read, not what is learned.
RUNTIME_FIELDS = frozenset(
    {
        "data.data_dir",
        "data.cache",
        "data.cache_dir",
        "data.num_workers",
        "eval.batch_size",
        "eval.shared_classes",
        "train.log_every_steps",
    }
)

# Fields that older work directories lack.
_ADDED = {
    "task": "clips",
    "data.frame_step": 1,
    "data.test_views": 1,
    "data.view_average": "probabilities",
    "train.accumulation_steps": 1,
    "optim.name": "sgd",
    "optim.milestones": [],
    "optim.warmup_epochs": 0.0,
    "optim.final_learning_rate": 0.0,
    "loss.instance_weights": [],
    "robust.method": "none",
    "robust.source": "resample",
    "robust.views": 4,
    "robust.a_noisy": 1.0,
    "robust.m_noisy": 0.5,
    "robust.gamma": 1.0,
    "robust.warmup_epochs": 8.0,
    "robust.ramp_epochs": 5.0,
    "robust.noise_rate": 0.2,
    "augment.erase_probability": 0.0,
    "augment.rand_magnitude": 7.0,
    "augment.rand_operations": 0,
    "data.soft_labels": "",
    "loss.centre_rate": 0.5,
    "loss.centre_weight": 0.0,
    "loss.compact_weight": 0.0,
    "loss.ecstfl_form": "paper",
    "loss.ecstfl_weight": 0.0,
    "loss.group_weight": 0.0,
    "loss.groups": [],
    "loss.label_smoothing": 0.0,
    "mix.cutmix_alpha": 0.0,
    "mix.cutmix_share": 0.5,
    "mix.mixup_alpha": 0.0,
    "optim.decay_kernels_only": False,
    "optim.layer_decay": 1.0,
}


def default_workdir(config: ml_collections.ConfigDict) -> str:
    """Returns `runs/<name>`, with the fold and seed where they are not the default."""
    fold = f"_fold{config.fold}" if config.data.num_folds else ""
    seed = f"_seed{config.seed}" if config.seed else ""
    return os.path.join("runs", f"{config.name}{fold}{seed}")


def claim(workdir: str, config: Mapping[str, Any], overrides: Mapping[str, Any]) -> None:
    """Makes `workdir` the home of this config: new, or used by the same config before.

    Args:
        workdir: created if missing.
        config: the resolved config as plain nested values.
        overrides: what the command line changed.

    Raises:
        UserError: if another config used it (the differing fields are listed), or it cannot be
            written.
    """
    path = os.path.join(workdir, CONFIG_FILE)
    config = json.loads(json.dumps(config))
    refuse_patterns(workdir)
    with writing(workdir, "choose another with --workdir"):
        os.makedirs(workdir, exist_ok=True)
        refuse_other(workdir, config)
        if os.path.exists(path):
            return
        if os.path.isdir(os.path.join(workdir, "checkpoints")):
            raise UserError(
                f"{workdir} has checkpoints but no {CONFIG_FILE} (imported weights?); "
                "evaluate it with dfer eval or train in a new --workdir"
            )
        write_json(os.path.join(workdir, "overrides.json"), overrides)
        write_json(path, config)


@contextlib.contextmanager
def kept(workdir: str) -> Iterator[Callable[[], None]]:
    """Notices that a work directory, made if missing, is deleted or replaced meanwhile.

    Yields:
        a function that looks, and raises the `UserError`; it costs one look at the directory.

    Raises:
        UserError: if the directory has gone when the block ends, whatever that raised.
    """
    os.makedirs(workdir, exist_ok=True)
    before = os.stat(workdir)

    def check() -> None:
        try:
            if os.path.samestat(before, os.stat(workdir)):
                return
        except FileNotFoundError:
            pass
        raise UserError(
            f"{workdir} was deleted or moved while the run was at work, and its checkpoints with "
            "it; run the same command again to start anew, or move it back to go on"
        )

    try:
        yield check
    except Exception:
        check()  # says why, where that is the reason
        raise
    check()


def refuse_patterns(workdir: str) -> None:
    """Refuses a path in which Orbax would not find what it has just written.

    Raises:
        UserError: if there is a character in it that stands for others in patterns.
    """
    if found := sorted(set("*?[") & set(os.path.abspath(workdir))):
        raise UserError(
            f"checkpoints cannot be written to {os.path.abspath(workdir)}, for the library that "
            f"writes them takes {' and '.join(found)} for a pattern; choose a --workdir without"
        )


def differing_fields(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Returns "field: old -> new" of each leaf that differs between two nested configs."""
    a, b = _ADDED | _flatten(old), _ADDED | _flatten(new)
    return [
        f"{field}: {a.get(field, '(absent)')} -> {b.get(field, '(absent)')}"
        for field in sorted({**a, **b})
        if a.get(field) != b.get(field) and field not in RUNTIME_FIELDS
    ]


def refuse_other(workdir: str, config: Mapping[str, Any]) -> None:
    """Checks that a work directory is not another config's; one that nobody used is fine.

    Args:
        workdir: need not exist.
        config: the resolved config as plain nested values.

    Raises:
        UserError: with the fields that differ.
    """
    path = os.path.join(workdir, CONFIG_FILE)
    if not os.path.exists(path):
        return
    fields = differing_fields(read_json(path), json.loads(json.dumps(config)))
    if fields:
        raise UserError(
            f"{workdir} belongs to a run with another config; choose another --workdir, or set "
            f"these fields back:\n{list_some(fields)}"
        )


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
