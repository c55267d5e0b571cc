r"""Trains and evaluates a list of experiments under one protocol, and compares them on one page.

FILE holds the list: configs, what is changed in them, folds and seeds. Each run is one of
`dfer train` in a work directory of its own; entries that name weights are evaluated in its place.
The same command again continues after a stop and skips what is done, all experiments of the first
seed first. The page, with what is done so far, is written in the end: scores over seeds,
parameters, GMAC, time for a clip, printed rows beside.

    dfer compare configs/table4.py --dry_run
    dfer compare configs/compare_synthetic.py --seeds=0 train.epochs=2
    dfer compare configs/compare_synthetic.py --only=C3D,I3D --steps=100
"""

import os

from absl import app, flags, logging

from dfer_jax import errors
from dfer_jax.errors import UserError
from dfer_jax.runtime import config_file

_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Holds the runs and the page; default runs/compare/<name of the file>"
)
_ONLY = flags.DEFINE_list("only", [], "Experiments of the list that are wanted; default: all")
_FOLDS = flags.DEFINE_list("folds", [], "Folds to test on; default: those of the list")
_SEEDS = flags.DEFINE_list("seeds", [], "Seeds of each fold; default: those of the list")
_STEPS = flags.DEFINE_integer(
    "steps", 0, "Train each for the epochs that hold so many steps; 0: for its own epochs"
)
_DRY_RUN = flags.DEFINE_bool("dry_run", False, "Show the printed rows, configs and runs")


def main(argv: list[str]) -> None:
    """Brings every run to its end, then writes the page."""
    import jax  # here, so that --help is quick

    from dfer_jax.clips.compare import comparison, dry_run, page, rows
    from dfer_jax.clips.crossval import process, runs, same_data

    if len(argv) < 2:
        raise app.UsageError("name a list of experiments, such as configs/compare_synthetic.py")
    _, file, *fields = argv
    wanted = comparison.read(
        file,
        fields,
        only=_ONLY.value,
        folds=config_file.whole_numbers("folds", _FOLDS.value),
        seeds=config_file.whole_numbers("seeds", _SEEDS.value),
    )
    if _STEPS.value:
        wanted = comparison.with_steps(wanted, _STEPS.value)
    stem = os.path.splitext(os.path.basename(file))[0]
    directory = _WORKDIR.value or os.path.join("runs", "compare", stem)
    if _DRY_RUN.value:
        print(dry_run.describe(wanted, directory))
        return
    jax.config.update("jax_platforms", "cpu")  # the accelerator's memory is for the trainings
    planned, commands = comparison.in_order(wanted, directory)
    runs.check_configs(planned)
    with process.only_one(directory) as lock:
        same_data.check(planned)
        failed = runs.train_missing(planned, commands, lock=lock)
        classes, results = rows.gather(wanted, directory)
        path = page.write(wanted, classes, results, os.path.join(directory, "comparison.html"))
    print(f"wrote {path}")
    if failed:
        raise UserError(
            f"{len(failed)} of {len(planned)} runs are missing from the page; the same command "
            f"again goes on with them:\n{errors.list_some([f'{k} {v}' for k, v in failed.items()])}"
        )


if __name__ == "__main__":
    logging.set_verbosity(logging.WARNING)
    errors.run(main)
