"""Tests of the report's section on labels that the views of a clip contradict."""

import os

import numpy as np
import pytest
from report_run import Checker, evaluation, jpeg, metric_rows, write_run

from dfer_jax.clips.noisy_labels import Judged, judged_file, write_judged
from dfer_jax.clips.report import write_report
from dfer_jax.clips.report.inputs import read_evaluations
from dfer_jax.clips.report.label_check import label_section, save_label_strips
from dfer_jax.clips.report.label_log import epoch_means, log_charts
from dfer_jax.clips.report.page import report_sections
from dfer_jax.errors import UserError
from dfer_jax.labels import CLASSES
from dfer_jax.plotting.page import render
from dfer_jax.runs.read_files import read_metrics

ABOUT = {"step": 30, "epoch": 3.0, "robust": {"views": 4, "a_noisy": 1.0, "m_noisy": 0.5}}


def judged(*, clean=60, hard=6, noisy=15, name="clip"):
    """Clips of each verdict; all but one of the clean ones have margin 0."""
    count = clean + hard + noisy
    i, verdict = np.arange(count), np.repeat([0, 1, 2], [clean, hard, noisy]).astype(np.int8)
    labels = (i % 7).astype(np.int32)
    votes = np.where(verdict == 1, 2 + i % 2, 4)
    other = (verdict == 2) | (verdict == 1) | (i == 0)
    margin = np.select([verdict == 2, other], [0.5 + 0.4 * i / count, 0.2], 0.0)
    return Judged(
        classes=CLASSES,
        views=4,
        clip_ids=np.array([f"{name}-{n}" for n in range(count)]),
        labels=labels,
        modal_class=np.where(other, (labels + 1) % 7, labels).astype(np.int32),
        share=(votes / 4).astype(np.float32),
        margin=margin.astype(np.float32),
        label_probability=np.where(other, 0.05, 0.9).astype(np.float32),
        verdict=verdict,
    )


def agreement_rows(*, epochs=6):
    """Two logged points an epoch: first of epoch e has 2 e % noisy clips, the second 4 e %."""
    rows = []
    for half in range(1, 2 * epochs + 1):
        epoch, noisy = half / 2, 0.02 * ((half + 1) // 2) * (2 - half % 2)
        row = {"clean": 0.8 - noisy, "hard": 0.2, "noisy": noisy}
        row |= {"agree_1": 0.0, "agree_2": 0.0, "agree_3": 0.2, "agree_4": 0.8}
        row |= {"agree_1_correct": 0.0, "agree_2_correct": 0.0, "agree_3_correct": 0.05 * half / 6}
        row |= {"agree_4_correct": 0.2 + 0.2 * (half % 2)}
        rows.append({"step": 5 * half, "epoch": epoch} | {f"train/{k}": v for k, v in row.items()})
    return rows


def run_with(folder, found, *, rows=None):
    workdir = write_run(folder, rows=rows)
    write_judged(workdir, "train", found, ABOUT)
    return workdir


def test_counts_filmstrips_and_hardest_clips_are_shown(tmp_path):
    found = judged()
    workdir = run_with(tmp_path, found, rows=metric_rows() + agreement_rows())
    asked = []
    save_label_strips(workdir, lambda clip_id: asked.append(clip_id) or [jpeg()] * 3)
    assert asked == [f"clip-{i}" for i in range(80, 68, -1)], "not the largest margins first"
    series, _ = read_metrics(workdir)
    part = label_section(workdir, series)
    Checker(part.html)
    for count, name in ((60, "Clean"), (6, "Hard"), (15, "Noisy")):
        assert f"<h3>{name}</h3><dl class='figures'><div><dt>clips</dt><dd>{count}<" in part.html
    assert part.html.count("image/jpeg") == 12 * 8
    assert "All 4 views of each of these clips got another class than its label" in part.html
    # Clip 80 is the last of 81: label 80 % 7, margin 0.5 + 0.4 * 80 / 81.
    assert "label <strong>anger</strong> 5.0 %" in part.html
    assert "4 of 4 views <strong>surprise 94.5 %</strong>" in part.html
    assert "Most views say the label of 72.8 % of the clips" in part.html  # 59 of 81
    (levels, hardest) = part.tables
    assert levels.rows[1:] == [
        ["2 of 4", 3, 0, 0.0],
        ["3 of 4", 3, 0, 0.0],
        ["4 of 4", 75, 59, pytest.approx(100 * 59 / 75)],
    ]
    assert [row[:4] for row in hardest.rows[:2]] == [
        ["clip-60", "surprise", "2 of 4", "disgust"],
        ["clip-62", "fear", "2 of 4", "happiness"],
    ]
    assert len(hardest.rows) == 6
    names = [chart.name for chart in part.charts]
    assert names == ["agreement-levels", "label-margins", "verdicts", "agreement-accuracy"]
    assert "Margins of the 22 clips" in part.charts[1].label


def test_section_is_there_exactly_when_clips_were_judged_or_agreement_logged(tmp_path):
    assert label_section(write_run(tmp_path / "plain"), {}).html == ""
    series, _ = read_metrics(write_run(tmp_path / "small", rows=metric_rows()))
    assert label_section(str(tmp_path / "small"), series).html == ""
    series, _ = read_metrics(write_run(tmp_path / "logged", rows=agreement_rows()))
    part = label_section(str(tmp_path / "logged"), series)
    assert len(part.charts) == 2 and "Labels to check" in part.html
    only_noisy = {"train/noisy": series["train/noisy"]}  # as small-loss selection logs it
    assert log_charts(only_noisy) == []


def test_log_is_averaged_over_whole_epochs(tmp_path):
    series, _ = read_metrics(write_run(tmp_path, rows=agreement_rows(epochs=3)))
    means = epoch_means({name: series[f"train/{name}"] for name in ("noisy", "agree_4_correct")})
    assert list(means) == [1.0, 2.0, 3.0]
    np.testing.assert_allclose([m["noisy"] for m in means.values()], [0.03, 0.06, 0.09])
    np.testing.assert_allclose([m["agree_4_correct"] for m in means.values()], 0.3)
    gap = {"a": (np.array([0.5, 1.0, 1.5]), np.array([np.nan, 2.0, np.nan]))}
    assert epoch_means(gap) == {1.0: {"a": 2.0}}


def test_nothing_noisy_nothing_hard(tmp_path):
    found = judged(clean=7, hard=0, noisy=0)
    part = label_section(run_with(tmp_path, found), {})
    assert "No clip was judged noisy." in part.html and "Hardest clips" not in part.html
    assert [table.name for table in part.tables] == ["agreement-levels"]


def test_page_keeps_the_pictures_escapes_the_texts_and_is_no_evaluation(tmp_path):
    evil = "<script>alert(1)</script>'\""
    workdir = run_with(tmp_path, judged(clean=3, hard=1, noisy=2, name=evil))
    page = write_report(workdir, training_filmstrips=lambda clip_id: [jpeg()] * 3)
    with open(page, encoding="utf-8") as file:
        first = file.read()
    assert Checker(first).tags["script"] == 0 and "&lt;script&gt;" in first
    assert first.count("image/jpeg") == 2 * 8
    title = "gca_ial on synthetic_dfer/tiny"
    assert render(report_sections(workdir), title=title) == first
    assert (tmp_path / "report" / "agreement-levels.svg").exists()
    assert [e.num_clips for e in read_evaluations(workdir)] == [evaluation()["num_clips"]]
    os.remove(tmp_path / "eval" / "train.judged.filmstrips" / "00-0.jpg")
    with pytest.raises(UserError, match=r"cannot read .*00-0\.jpg"):
        report_sections(workdir)
    write_judged(workdir, "train", judged(), {"epoch": 3.0})
    with pytest.raises(UserError, match="does not say how the clips were judged"):
        report_sections(workdir)
    with open(judged_file(workdir), "w") as file:
        file.write("{}")
    with pytest.raises(UserError, match=r"train\.judged\.json is damaged"):
        report_sections(workdir)
