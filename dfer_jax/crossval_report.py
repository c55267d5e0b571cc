r"""Makes and writes the table of a cross-validation from its finished runs.

As a command it pools runs that were made one by one, such as an ensemble per fold:

    python -m dfer_jax.crossval_report runs/f_fold1 runs/f_fold2 runs/f_fold3 runs/f_fold4 \
        runs/f_fold5 --out runs/f
"""

import json
import os
import re
from collections.abc import Mapping, Sequence

import ml_collections
import numpy as np
from absl import app, flags

from dfer_jax import crossval_table, crossval_text, errors, predictions, published
from dfer_jax.crossval_runs import Run, best_on_test_from_curves, read_results
from dfer_jax.crossval_table import Results, Row, headline
from dfer_jax.crossval_text import Table
from dfer_jax.errors import UserError
from dfer_jax.workdir import CONFIG_FILE, write_json

_INTERVALS = (
    "Intervals (95 %): recalls by Wilson; UAR and WAR by drawing the test clips anew 2,000 times. "
    "They hold no spread over seeds, and clips of one film are not independent: the truth is wider."
)


def write(
    config: ml_collections.ConfigDict,
    runs: Sequence[Run],
    failed: Mapping[str, str],
    *,
    directory: str,
) -> str:
    """Writes crossval.json, .csv and .tex; returns the table as text.

    Args:
        config: of the experiment; its fold and seed do not matter.
        runs: all that were asked for.
        failed: names of those left out.
        directory: to write into.

    Raises:
        UserError: if no run is finished, or one's files are damaged.
    """
    return save(
        make_table(config, runs, [run for run in runs if run.name not in failed]), directory
    )


def save(table: Table, directory: str) -> str:
    """Writes a table as crossval.json, .csv and .tex; returns it as text."""
    path = os.path.join(directory, "crossval")
    write_json(f"{path}.json", crossval_text.as_json(table))
    texts = {"csv": crossval_text.as_csv(table), "tex": crossval_text.as_latex(table)}
    for suffix, text in texts.items():
        with open(f"{path}.{suffix}", "w", encoding="utf-8") as file:
            file.write(text)
    return f"\n{crossval_text.as_text(table)}\n\nwrote {path}.json, {path}.csv, {path}.tex"


def make_table(
    config: ml_collections.ConfigDict, runs: Sequence[Run], done: Sequence[Run]
) -> Table:
    """Returns the table of the runs that are done, with notes on what is missing.

    Raises:
        UserError: if no run is done, or its files are damaged.
    """
    if not done:
        raise UserError("no run came to its end, so there is no table; see the errors above")
    results = {(run.fold, run.seed): read_results(run) for run in done}
    curves = {
        (run.fold, run.seed): best_on_test_from_curves(run)
        for run in done
        if "best on test" not in results[run.fold, run.seed]
    }
    rows = crossval_table.summarise(results, curves=curves)
    first = next(iter(results.values()))
    classes = next(iter(first.values())).classes
    return Table(
        title=_title(config, runs),
        classes=classes,
        rows=tuple(rows),
        published=published.match(config.to_dict()),
        notes=tuple(_notes(config, runs, done, results, rows, classes)),
    )


def pool(workdirs: Sequence[str]) -> Table:
    """Returns the table of runs made one by one, each the only one for its test split.

    Args:
        workdirs: with `eval/fd<fold>.json` and `eval/fd<fold>.best.json`, or one of them.

    Raises:
        UserError: if a run was not evaluated, or two are for the same fold or share clips.
    """
    results: dict[tuple[int, int], dict[str, predictions.Predictions]] = {}
    for workdir in workdirs:
        last = predictions.evaluation_file(workdir)
        files = [last, last.removesuffix(".json") + ".best.json"]
        found = [predictions.read(path) for path in files if os.path.isfile(path)]
        split = str(found[0].about["split"])
        fold = int(match[1]) if (match := re.fullmatch(r"fd(\d+)", split)) else 0
        if (fold, 0) in results:
            raise UserError(f"{workdir} is a second run for split {split}; give one run per fold")
        results[fold, 0] = {str(part.about["selection"]): part for part in found}
    rows = crossval_table.summarise(results, curves={})
    first = next(iter(next(iter(results.values())).values()))
    counts = crossval_table.class_counts(results)
    recall = headline(rows, rows[0].selection).values[:-2].tolist()
    return Table(
        title=f"{first.about['dataset']}, {len(workdirs)} runs",
        classes=first.classes,
        rows=tuple(rows),
        published=_published_for(workdirs[0]),
        notes=(crossval_text.rarest_class_note(first.classes, counts, recall), _INTERVALS),
    )


def main(argv: list[str]) -> None:
    """Pools the runs named on the command line."""
    if len(argv) < 2:
        raise app.UsageError("give the work directories to pool, one per fold")
    print(save(pool(argv[1:]), flags.FLAGS.out))


def _published_for(workdir: str) -> published.PublishedRow | None:
    """The row that the config of a run aims at; None for what is not one run, as an ensemble."""
    path = os.path.join(workdir, CONFIG_FILE)
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as file:
        return published.match(json.load(file))


def _title(config: ml_collections.ConfigDict, runs: Sequence[Run]) -> str:
    folds = [str(fold) for fold in dict.fromkeys(run.fold for run in runs) if fold]
    seeds = [str(seed) for seed in dict.fromkeys(run.seed for run in runs)]
    parts = [config.name, config.data.dataset]
    parts += [f"fold {', '.join(folds)}"] * bool(folds)
    return ", ".join([*parts, f"seed {', '.join(seeds)}"])


def _notes(
    config: ml_collections.ConfigDict,
    runs: Sequence[Run],
    done: Sequence[Run],
    results: Results,
    rows: Sequence[Row],
    classes: tuple[str, ...],
) -> list[str]:
    """Sentences to read with the table."""
    notes = []
    if missing := [run.name for run in runs if run not in done]:
        notes.append(f"INCOMPLETE: {', '.join(missing)} missing, in every figure above.")
    counts = crossval_table.class_counts(results)
    recall = headline(rows, rows[0].selection).values[:-2].tolist()
    notes += [crossval_text.rarest_class_note(classes, counts, recall), _INTERVALS]
    row = published.match(config.to_dict())
    if row and row.recall and len(counts) == max(1, config.data.num_folds):
        totals = np.sum(list(counts.values()), axis=0).tolist()
        notes.append(crossval_text.published_check_note(row, totals))
    if len({run.seed for run in done}) < 3:
        notes.append("Fewer than three seeds: the spread over seeds is hardly known; rank nothing.")
    return notes


if __name__ == "__main__":
    flags.DEFINE_string("out", None, "Directory for crossval.json, crossval.csv, crossval.tex")
    flags.mark_flag_as_required("out")
    errors.run(main)
