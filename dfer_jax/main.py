"""Trains and evaluates: python -m dfer_jax.main --config configs/synthetic.py .

A rerun of the same command resumes. --mode eval restores the work directory's checkpoints, prints
WAR, UAR, recall per class and the confusion matrix, and writes eval/<split>.json and report.html.

Ctrl-C, SIGTERM and a closed terminal stop a training after the step or evaluation at work, and
save; a second one ends it at once. Exit codes: 0 done, 1 refused or failed, 2 bad usage, 130
stopped by SIGINT (Ctrl-C), 143 by SIGTERM, 129 by SIGHUP (its terminal was closed), 141 if nobody
reads what is printed any more.
"""

import json
import os
from collections.abc import Callable

import jax
import ml_collections
from absl import app, flags, logging
from ml_collections import config_flags

from dfer_jax.errors import UserError
from dfer_jax.runtime import config_file

_CONFIG = config_flags.DEFINE_config_file(
    "config", None, "Experiment file, e.g. configs/dfew.py; fields: --config.fold=2"
)
_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Where the run is kept; default runs/<config name>, with its fold and seed"
)
_MODE = flags.DEFINE_enum(
    "mode", "train_and_eval", ["train_and_eval", "train", "eval"], "What to do"
)
_WEIGHTS = flags.DEFINE_string(
    "weights",
    "",
    "Evaluate these weights, a run or a pretrained folder, that stay as they are; what comes of it "
    "is kept in the work directory",
)
_COORDINATOR = flags.DEFINE_string(
    "coordinator_address", None, "host:port of process 0 of several; not needed under srun, mpirun"
)
_PROCESSES = flags.DEFINE_integer("num_processes", None, "Processes that train together")
_PROCESS = flags.DEFINE_integer("process_id", None, "Which of them this is, from 0")


def main(argv: list[str]) -> None:
    """Runs the mode asked for."""
    # Imported after the flags, so that --help is quick.
    from dfer_jax.runs.workdir import default_workdir
    from dfer_jax.runtime import failing_together, processes

    if argv[1:]:
        raise app.UsageError(
            f"unexpected arguments {argv[1:]}; values are given as --flag=value or field=value"
        )
    config = config_file.load(_CONFIG)
    if config.task not in ("clips", "frames"):
        raise UserError(f"task={config.task!r} is unknown; choose clips or frames")
    directory = _WORKDIR.value or default_workdir(config)
    processes.start(
        coordinator_address=_COORDINATOR.value,
        num_processes=_PROCESSES.value,
        process_id=_PROCESS.value,
    )
    with failing_together.fail_together():
        _run(config, directory)


def _run(config: ml_collections.ConfigDict, directory: str) -> None:
    from dfer_jax.runs.workdir_lock import only_run
    from dfer_jax.runtime import compilation_cache, processes

    compilation_cache.enable()
    devices = jax.devices()
    together = f" of {jax.process_count()} processes" if jax.process_count() > 1 else ""
    where = f"{len(devices)} {devices[0].device_kind} device(s){together}"
    processes.say(f"{config.name}: {directory} on {where}")
    _check_weights(config.task, directory)
    with only_run(directory, create=_MODE.value != "eval" or bool(_WEIGHTS.value)):
        _work(config, directory)


def _work(config: ml_collections.ConfigDict, directory: str) -> None:
    from dfer_jax.runs.workdir import claim
    from dfer_jax.runtime import processes

    overrides = config_flags.get_override_values(flags.FLAGS["config"])
    if _MODE.value != "eval":
        with_evaluation = _MODE.value == "train_and_eval"
        _train(config.task)(config, directory, overrides=overrides, with_evaluation=with_evaluation)
    if _MODE.value != "train":
        given = {"weights": _WEIGHTS.value} if _WEIGHTS.value else {}
        if given and processes.is_first():
            claim(directory, json.loads(config.to_json_best_effort()), overrides)
        _evaluate(config.task)(config, directory, overrides=overrides, **given)


def _check_weights(task: str, directory: str) -> None:
    if _WEIGHTS.value and (_MODE.value != "eval" or task != "clips"):
        raise UserError(
            "--weights is for dfer eval of clips; train from weights with train.init_from"
        )
    if _WEIGHTS.value and os.path.isdir(os.path.join(directory, "checkpoints")):
        raise UserError(
            f"{directory} has weights of its own; give --weights another --workdir for the scores"
        )


def _train(task: str) -> Callable[..., None]:
    if task == "frames":
        from dfer_jax.frames.train import train
    else:
        from dfer_jax.clips.train import train
    return train


def _evaluate(task: str) -> Callable[..., None]:
    """Imported last: it brings the report's plotting library."""
    if task == "frames":
        from dfer_jax.frames.evaluate_run import evaluate_checkpoints
    else:
        from dfer_jax.clips.evaluate_run import evaluate_checkpoints
    return evaluate_checkpoints


if __name__ == "__main__":
    logging.set_verbosity(logging.WARNING)
    config_file.run(main)
