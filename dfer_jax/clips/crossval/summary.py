"""Makes and writes the table of a cross-validation from its finished runs."""

import os
from collections.abc import Mapping, Sequence

import ml_collections
import numpy as np

from dfer_jax.clips.crossval import render, scores
from dfer_jax.clips.crossval.render import Table
from dfer_jax.clips.crossval.runs import Run, best_on_test_from_curves, read_results
from dfer_jax.clips.crossval.scores import Results, Row, headline
from dfer_jax.errors import UserError
from dfer_jax.results import published
from dfer_jax.results.published import PublishedRow
from dfer_jax.runtime.durable_files import replacing, write_json

INTERVALS = (
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
    write_json(f"{path}.json", render.as_json(table))
    texts = {"csv": render.as_csv(table), "tex": render.as_latex(table)}
    for suffix, text in texts.items():
        with replacing(f"{path}.{suffix}") as file:
            file.write(text)
    return f"\n{render.as_text(table)}\n\nwrote {path}.json, {path}.csv, {path}.tex"


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
    rows = scores.summarise(results, curves=curves)
    first = next(iter(results.values()))
    classes = next(iter(first.values())).classes
    printed = published.match(config.to_dict())
    return Table(
        title=_title(config, runs),
        classes=classes,
        rows=tuple(rows),
        published=printed,
        notes=tuple(_notes(config, runs, done, results, rows, classes, printed)),
    )


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
    printed: PublishedRow | None,
) -> list[str]:
    """Sentences to read with the table."""
    notes = []
    if missing := [run.name for run in runs if run not in done]:
        notes.append(f"INCOMPLETE: {', '.join(missing)} missing, in every figure above.")
    counts = scores.class_counts(results)
    recall = headline(rows, rows[0].selection).values[:-2].tolist()
    notes += [render.rarest_class_note(classes, counts, recall), INTERVALS]
    if not printed and (others := published.on(config.data.dataset)):
        notes.append(render.other_systems_note(others))
    if printed and printed.recall and len(counts) == max(1, config.data.num_folds):
        totals = np.sum(list(counts.values()), axis=0).tolist()
        notes.append(render.published_check_note(printed, totals))
    if len({run.seed for run in done}) < 3:
        notes.append("Fewer than three seeds: the spread over seeds is hardly known; rank nothing.")
    return notes
