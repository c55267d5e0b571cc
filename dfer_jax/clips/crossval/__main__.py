r"""Trains and scores every fold of a data set: the protocol of the papers in one command.

Each fold (and seed) is a run of `dfer train` in a work directory of its own; the same command
again continues after a stop and skips what is done. In the end the predictions of the folds are
pooled, as the authors of DFEW do, and the table is printed next to the published row and written
to crossval.json, crossval.csv and crossval.tex. Ctrl-C, SIGTERM and a closed terminal save first.

    dfer crossval configs/dfew.py --dry_run
    dfer crossval configs/dfew.py --seeds=0,1,2 optim.momentum=0.8
"""

import os
from typing import Any

import ml_collections
from absl import app, flags, logging
from ml_collections import config_flags

from dfer_jax import errors
from dfer_jax.errors import UserError
from dfer_jax.runtime import config_file

_CONFIG = config_flags.DEFINE_config_file(
    "config", None, "Experiment file, e.g. configs/dfew.py; fields: --config.train.epochs=2"
)
_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Holds the runs and the table; default runs/crossval/<config name>"
)
_FOLDS = flags.DEFINE_list(
    "folds", None, "Folds to test on, e.g. 1,2; default: all of the data set"
)
_SEEDS = flags.DEFINE_list("seeds", ["0"], "Seeds of each fold, e.g. 0,1,2")
_DRY_RUN = flags.DEFINE_bool("dry_run", False, "Show what would be done, with time and disk")


def main(argv: list[str]) -> None:
    """Trains what is missing, then prints and writes the table."""
    import jax  # here, so that --help is quick

    from dfer_jax.clips.crossval import estimate, process, runs, same_data, summary

    if argv[1:]:
        raise app.UsageError(f"unexpected arguments {argv[1:]}; values are given as --flag=value")
    config, overrides = _load_config()
    if config.task == "frames":
        raise UserError(
            f"{config.name} is trained on videos that have no folds; use dfer train, with "
            "--config.seed for other seeds"
        )
    directory = _WORKDIR.value or os.path.join("runs", "crossval", config.name)
    planned = runs.plan(
        config,
        folds=config_file.whole_numbers("folds", _FOLDS.value) if _FOLDS.value else None,
        seeds=config_file.whole_numbers("seeds", _SEEDS.value),
        directory=directory,
    )
    runs.check_configs(planned)
    if config.train.init_from and config.data.num_folds:
        logging.warning(
            "every fold starts from the weights in %s; if those were trained on clips of %s, folds "
            "are tested on clips that they know",
            config.train.init_from,
            config.data.dataset,
        )
    if _DRY_RUN.value:
        print(estimate.describe(planned, directory=directory))
        return
    jax.config.update("jax_platforms", "cpu")  # the accelerator's memory is for the trainings
    file = config_flags.get_config_filename(flags.FLAGS["config"])
    commands = [runs.command(file, overrides, run) for run in planned]
    with process.only_one(directory) as lock:
        same_data.check(planned)
        failed = runs.train_missing(planned, commands, lock=lock)
        print(summary.write(config, planned, failed, directory=directory))
    if failed:
        raise UserError(
            f"{len(failed)} of {len(planned)} runs are missing from the table; the same command "
            f"again goes on with them:\n{errors.list_some([f'{k} {v}' for k, v in failed.items()])}"
        )


def _load_config() -> tuple[ml_collections.ConfigDict, dict[str, Any]]:
    """The config file as overridden, and the overrides by dotted name."""
    config = config_file.load(_CONFIG)
    overrides = dict(config_flags.get_override_values(flags.FLAGS["config"]))
    for name in ("fold", "seed"):
        if name in overrides:
            raise app.UsageError(f"--config.{name} is set by --{name}s; use that")
    return config, overrides


if __name__ == "__main__":
    logging.set_verbosity(logging.WARNING)
    config_file.run(main)
