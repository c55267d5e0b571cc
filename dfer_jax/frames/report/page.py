"""Puts the report of one run on frames together."""

import os
from collections.abc import Sequence

from dfer_jax.frames.report.classes import class_results
from dfer_jax.frames.report.inputs import Evaluated, read_evaluations
from dfer_jax.frames.report.scores import all_evaluations, footnotes, headline, learning_curves
from dfer_jax.frames.report.videos import video_section
from dfer_jax.plotting import run_sections
from dfer_jax.plotting.markup import Section
from dfer_jax.plotting.page import write_page
from dfer_jax.runs import read_files


def write_report(workdir: str) -> str:
    """Writes `<workdir>/report.html` and returns its path.

    Its pictures and tables go to `<workdir>/report/`. It reads `eval/` and, where they are there,
    `metrics.jsonl` and `config.json`; combined and imported networks have only the former.

    Args:
        workdir: directory of a run on frames that has been evaluated.

    Raises:
        UserError: if there is nothing to report, a file is damaged, or the page cannot be written.
    """
    evaluations = read_evaluations(workdir)
    parts = report_sections(workdir, evaluations)
    folder = os.path.join(workdir, "report")
    title = f"{evaluations[0].model} on {evaluations[0].dataset}"
    return write_page(f"{folder}.html", title=title, parts=parts, folder=folder)


def report_sections(workdir: str, evaluations: Sequence[Evaluated]) -> list[Section]:
    """Returns the sections of a run in order, those without data empty.

    Args:
        workdir: of the run.
        evaluations: of the run, the one to report in full first.

    Raises:
        UserError: if a file is damaged.
    """
    main = evaluations[0]
    series, notes = read_files.read_metrics(workdir)
    config = os.path.join(workdir, "config.json")
    best = next(
        (e for e in evaluations if e.split == main.split and e.selection.startswith("best")), None
    )
    return [
        headline(evaluations, trained=bool(series)),
        learning_curves(series, notes, best=best),
        class_results(main),
        video_section(main),
        run_sections.training_speed(series),
        all_evaluations(evaluations),
        run_sections.configuration(read_files.read_json(config) if os.path.exists(config) else {}),
        footnotes(main.result.kind, "report"),
    ]
