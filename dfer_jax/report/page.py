"""Puts the report of one run together and writes pages with their pictures and tables."""

import os
import string
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from dfer_jax.errors import UserError
from dfer_jax.report import embedding, inputs, sections
from dfer_jax.report.calibration import calibration_section
from dfer_jax.report.classes import class_results
from dfer_jax.report.filmstrips import ReadFrames, filmstrip_section, save_filmstrips
from dfer_jax.report.gates import gates_section
from dfer_jax.report.inputs import ClipArrays
from dfer_jax.report.intensity import intensity_results
from dfer_jax.report.label_check import label_section, save_label_strips
from dfer_jax.report.markup import Section


def write_report(
    workdir: str,
    *,
    filmstrips: ReadFrames | None = None,
    training_filmstrips: ReadFrames | None = None,
) -> str:
    """Writes `<workdir>/report.html` and returns its path.

    Its pictures and tables go to `<workdir>/report/`. It reads `config.json`, `metrics.jsonl` and
    `eval/`; imported weights have only the latter, and what cannot be told is left out.

    Args:
        workdir: directory of a run that has been evaluated.
        filmstrips: returns the frames of a clip, JPEG bytes in time order, for a `clip_id` of the
            evaluation; those shown are kept in the work directory. None shows those kept before.
        training_filmstrips: the same of the training clips, where they have been judged.

    Raises:
        UserError: if there is nothing to report, a file is damaged, or the page cannot be written.
    """
    evaluations = inputs.read_evaluations(workdir)
    if filmstrips:
        save_filmstrips(workdir, evaluations[0], filmstrips)
    if training_filmstrips:
        save_label_strips(workdir, training_filmstrips)
    title = f"{evaluations[0].model} on {evaluations[0].dataset}"
    folder = os.path.join(workdir, "report")
    parts = report_sections(workdir)
    return write_page(f"{folder}.html", title=title, parts=parts, folder=folder)


def write_page(path: str, *, title: str, parts: Sequence[Section], folder: str) -> str:
    """Writes a self-contained page and, into `folder`, its pictures and tables; returns `path`.

    Raises:
        UserError: if something cannot be written.
    """
    page = render(parts, title=title)
    try:
        os.makedirs(folder, exist_ok=True)
        for part in parts:
            for item in (*part.charts, *part.tables):
                item.save(folder)
        with open(path + ".tmp", "w", encoding="utf-8") as file:
            file.write(page)
        os.replace(path + ".tmp", path)
    except OSError as error:
        raise UserError(f"cannot write {path} ({error.strerror}); make it writable") from error
    return path


def render(parts: Sequence[Section], *, title: str) -> str:
    """Returns the text of the page."""
    template = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
    body = "\n".join(part.html for part in parts)
    return string.Template(template).substitute(title=escape(title), body=body)


def report_sections(workdir: str) -> list[Section]:
    """Returns the sections of a run in order, those without data empty.

    The first evaluation is the one reported in full.

    Raises:
        UserError: if there is nothing to report, or a file is damaged.
    """
    evaluations = inputs.read_evaluations(workdir)
    main = evaluations[0]
    series, notes = inputs.read_metrics(workdir)
    config = os.path.join(workdir, "config.json")
    best = next(
        (e for e in evaluations if e.split == main.split and e.selection.startswith("best")), None
    )
    arrays = inputs.read_arrays(workdir, main)
    return [
        sections.headline(evaluations, trained=bool(series)),
        sections.learning_curves(series, notes, best=best, num_classes=len(main.classes)),
        class_results(main),
        intensity_results({main.model: main}),
        calibration_section(main),
        embedding.embedding_section(main, _places(arrays)),
        gates_section(main, arrays.gates if arrays else {}),
        filmstrip_section(workdir, main),
        label_section(workdir, series),
        sections.training_speed(series),
        sections.all_evaluations(evaluations),
        sections.configuration(inputs.read_json(config) if os.path.exists(config) else {}),
        sections.footnotes("report"),
    ]


def _places(arrays: ClipArrays | None) -> Float32[np.ndarray, "n 2"] | None:
    """Returns the clips' places on the map of features; None where there are too few."""
    if arrays is None or len(arrays.features) < embedding.FEWEST_CLIPS:
        return None
    return embedding.tsne(arrays.features)
