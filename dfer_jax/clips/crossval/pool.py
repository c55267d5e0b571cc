"""Pools runs that were made one by one, such as one ensemble per fold, and prints the table.

dfer pool runs/f_fold1 runs/f_fold2 runs/f_fold3 runs/f_fold4 runs/f_fold5 --out runs/f
"""

import os
import re
from collections.abc import Sequence

from absl import app, flags

from dfer_jax import errors
from dfer_jax.clips import predictions
from dfer_jax.clips.crossval import render, same_data, scores
from dfer_jax.clips.crossval.render import Table
from dfer_jax.clips.crossval.scores import headline
from dfer_jax.clips.crossval.summary import INTERVALS, save
from dfer_jax.errors import UserError
from dfer_jax.results import published
from dfer_jax.runs import evaluation_files
from dfer_jax.runs.read_files import read_json
from dfer_jax.runs.workdir import CONFIG_FILE
from dfer_jax.runs.workdir_lock import only_one


def pool(workdirs: Sequence[str]) -> Table:
    """Returns the table of runs made one by one, each the only one for its test split.

    Args:
        workdirs: with `eval/fd<fold>.json` and `eval/fd<fold>.best.json`, or one of them.

    Raises:
        UserError: if a run was not evaluated, two are for the same fold or share clips, or they
            were trained on other data.
    """
    same_data.check_alike(workdirs)
    results: dict[tuple[int, int], dict[str, predictions.Predictions]] = {}
    for workdir in workdirs:
        last = evaluation_files.evaluation_file(workdir)
        files = [last, last.removesuffix(".json") + ".best.json"]
        found = [predictions.read(path) for path in files if os.path.isfile(path)]
        split = str(found[0].about["split"])
        fold = int(match[1]) if (match := re.fullmatch(r"fd(\d+)", split)) else 0
        if (fold, 0) in results:
            raise UserError(f"{workdir} is a second run for split {split}; give one run per fold")
        results[fold, 0] = {str(part.about["selection"]): part for part in found}
    rows = scores.summarise(results, curves={})
    first = next(iter(next(iter(results.values())).values()))
    counts = scores.class_counts(results)
    recall = headline(rows, rows[0].selection).values[:-2].tolist()
    return Table(
        title=f"{first.about['dataset']}, {len(workdirs)} runs",
        classes=first.classes,
        rows=tuple(rows),
        published=_published_for(workdirs[0]),
        notes=(render.rarest_class_note(first.classes, counts, recall), INTERVALS),
    )


def main(argv: list[str]) -> None:
    """Pools the runs named on the command line."""
    if len(argv) < 2:
        raise app.UsageError("give the work directories to pool, one per fold")
    with only_one(flags.FLAGS.out):
        print(save(pool(argv[1:]), flags.FLAGS.out))


def _published_for(workdir: str) -> published.PublishedRow | None:
    """The row that the config of a run aims at; None for what is not one run, as an ensemble."""
    path = os.path.join(workdir, CONFIG_FILE)
    if not os.path.exists(path):
        return None
    return published.match(read_json(path))


if __name__ == "__main__":
    flags.DEFINE_string("out", None, "Directory for crossval.json, crossval.csv, crossval.tex")
    flags.mark_flag_as_required("out")
    errors.run(main)
