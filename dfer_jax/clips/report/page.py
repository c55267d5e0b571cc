"""Puts the report of one run together and writes pages with their pictures and tables."""

import os

import numpy as np
from jaxtyping import Float32

from dfer_jax.clips.report import embedding, inputs, sections
from dfer_jax.clips.report.calibration import calibration_section
from dfer_jax.clips.report.classes import class_results
from dfer_jax.clips.report.filmstrips import ReadFrames, filmstrip_section, save_filmstrips
from dfer_jax.clips.report.gates import gates_section
from dfer_jax.clips.report.inputs import ClipArrays
from dfer_jax.clips.report.intensity import intensity_results
from dfer_jax.clips.report.label_check import label_section, save_label_strips
from dfer_jax.plotting import run_sections
from dfer_jax.plotting.markup import Section
from dfer_jax.plotting.page import write_page
from dfer_jax.runs import read_files


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


def shown_in_full(workdir: str) -> str:
    """Returns the file name, without suffix, of the evaluation that the page is about.

    Raises:
        UserError: if there is none, or a file is damaged.
    """
    return inputs.read_evaluations(workdir)[0].stem


def report_sections(workdir: str) -> list[Section]:
    """Returns the sections of a run in order, those without data empty.

    The first evaluation is the one reported in full.

    Raises:
        UserError: if there is nothing to report, or a file is damaged.
    """
    evaluations = inputs.read_evaluations(workdir)
    main = evaluations[0]
    series, notes = read_files.read_metrics(workdir)
    config = os.path.join(workdir, "config.json")
    best = next((e for e in evaluations if e.file == f"{main.stem}.best.json"), None)
    arrays = inputs.read_arrays(workdir, main)
    return [
        sections.headline(evaluations, trained=bool(series)),
        sections.ensemble_members(main),
        sections.learning_curves(series, notes, best=best, chance=main.chance),
        class_results(main),
        intensity_results({main.model: main}),
        calibration_section(main),
        embedding.embedding_section(main, _places(arrays)),
        gates_section(main, arrays.gates if arrays else {}),
        filmstrip_section(workdir, main),
        label_section(workdir, series),
        run_sections.training_speed(series),
        sections.all_evaluations(evaluations),
        run_sections.configuration(read_files.read_json(config) if os.path.exists(config) else {}),
        run_sections.footnotes("report"),
    ]


def _places(arrays: ClipArrays | None) -> Float32[np.ndarray, "n 2"] | None:
    """Returns the clips' places on the map of features; None where there are too few."""
    if arrays is None or len(arrays.features) < embedding.FEWEST_CLIPS:
        return None
    return embedding.tsne(arrays.features)
