"""Writes `report.html` for a work directory: one self-contained page with all that was measured.

It reads `config.json`, `metrics.jsonl` and `eval/*.json`, and needs no network, no data set and no
accelerator; the page needs no JavaScript. Imported weights have only `eval/`; the rest is then left
out. Example:

    python -m dfer_jax.report runs/synthetic
"""

import os
import string
from collections.abc import Sequence
from html import escape
from pathlib import Path

from absl import app

from dfer_jax import errors, report_inputs
from dfer_jax import report_sections as sections
from dfer_jax.errors import UserError
from dfer_jax.report_filmstrips import ReadFrames, filmstrip_section
from dfer_jax.report_inputs import Evaluation, Series


def write_report(workdir: str, *, filmstrips: ReadFrames | None = None) -> str:
    """Writes `<workdir>/report.html` and returns its path.

    Args:
        workdir: directory of a run that has been evaluated.
        filmstrips: returns the frames of a clip, JPEG bytes in time order, for a `clip_id` of the
            evaluation; None leaves the filmstrips out.

    Raises:
        UserError: if there is nothing to report, a file is damaged, or the page cannot be written.
    """
    evaluations = report_inputs.read_evaluations(workdir)
    series, notes = report_inputs.read_metrics(workdir)
    config = os.path.join(workdir, "config.json")
    page = render(
        evaluations,
        series=series,
        notes=notes,
        config=report_inputs.read_json(config) if os.path.exists(config) else {},
        read_frames=filmstrips,
    )
    path = os.path.join(workdir, "report.html")
    try:
        with open(path + ".tmp", "w", encoding="utf-8") as file:
            file.write(page)
        os.replace(path + ".tmp", path)
    except OSError as error:
        raise UserError(f"cannot write {path} ({error.strerror}); make it writable") from error
    return path


def render(
    evaluations: Sequence[Evaluation],
    *,
    series: Series,
    notes: Sequence[str],
    config: dict,
    read_frames: ReadFrames | None,
) -> str:
    """Returns the whole page; the first evaluation is the one reported in full.

    Raises:
        UserError: if a frame of a filmstrip cannot be decoded.
    """
    main = evaluations[0]
    best = next(
        (e for e in evaluations if e.split == main.split and e.selection.startswith("best")), None
    )
    body = [
        sections.headline(evaluations, trained=bool(series)),
        sections.learning_curves(series, notes, best=best, num_classes=len(main.classes)),
        sections.class_results(main),
        sections.intensity_results(main),
        filmstrip_section(main, read_frames) if read_frames else "",
        sections.training_speed(series),
        sections.all_evaluations(evaluations),
        sections.configuration(config),
        sections.footnotes(),
    ]
    template = Path(__file__).with_name("report.html").read_text(encoding="utf-8")
    title = f"{main.model} on {main.dataset}"
    return string.Template(template).substitute(title=escape(title), body="\n".join(body))


def main(argv: list[str]) -> None:
    """Writes the report of the work directory named on the command line."""
    if len(argv) != 2:
        raise app.UsageError("give one WORKDIR: python -m dfer_jax.report WORKDIR", exitcode=2)
    print(f"report: {write_report(argv[1])}")


if __name__ == "__main__":
    errors.run(main)
