"""Tests of the numbers behind the pictures, on data whose answer is known."""

import csv
import dataclasses
import io

import numpy as np
import pytest
from report_run import clustered_features, evaluation, write_run
from sklearn.metrics import pairwise_distances

from dfer_jax.clips.report import comparison, sections
from dfer_jax.clips.report.calibration import calibration_section, reliability
from dfer_jax.clips.report.classes import class_results
from dfer_jax.clips.report.embedding import embedding_section, tsne
from dfer_jax.clips.report.gates import gates_section
from dfer_jax.clips.report.inputs import Evaluation, Prediction, read_evaluations
from dfer_jax.clips.report.intensity import intensity_results
from dfer_jax.clips.report.seeds import seeds_section
from dfer_jax.labels import CLASSES
from dfer_jax.plotting.charts import bin_by_intensity
from dfer_jax.plotting.tables import Table


def read(tmp_path, **options) -> Evaluation:
    (found,) = read_evaluations(write_run(tmp_path, evaluations={"test": evaluation(**options)}))
    return found


def rows_of(table: Table) -> list[list[str]]:
    return list(csv.reader(io.StringIO(table.csv())))[1:]


def test_calibration_error_by_hand():
    confidence = np.array([0.61, 0.63, 0.65, 0.97, 1.0])
    found = reliability(confidence, np.array([True, False, False, True, True]))
    # Bins of 1/15: three clips in (0.6, 0.667], two in the last; edges belong to the bin below.
    expected = 3 / 5 * abs(1 / 3 - 0.63) + 2 / 5 * abs(1 - 0.985)
    assert found.error == pytest.approx(expected)
    assert found.totals[9] == 3 and found.totals[14] == 2 and found.totals.sum() == 5
    assert reliability(np.array([0.2]), np.array([True]), bins=5).totals.tolist() == [1, 0, 0, 0, 0]


def test_a_perfectly_calibrated_answer_has_a_small_error():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(size=20_000)
    right = rng.uniform(size=20_000) < confidence
    assert reliability(confidence, right).error < 0.012
    assert reliability(np.sqrt(confidence), right).error > 0.1


def test_confidence_that_is_missing_leaves_the_section_out(tmp_path):
    found = read(tmp_path)
    assert "overconfident" in calibration_section(found).html
    found.predictions[0] = Prediction("x", "fear", "fear", float("nan"), 0.5)
    assert calibration_section(found).html == ""


def test_tsne_keeps_neighbours_together_and_is_repeatable():
    features = clustered_features().astype(np.float32)
    places = tsne(features)
    distance = pairwise_distances(places) + np.diag([np.inf] * 70)
    assert (distance.argmin(1) // 10 == np.arange(70) // 10).mean() > 0.95
    np.testing.assert_array_equal(places, tsne(features))


@pytest.mark.parametrize("shape", [(10, 1), (10, 3), (12, 200)])
def test_tsne_takes_few_clips_narrow_features_and_clips_all_alike(shape):
    rng = np.random.default_rng(0)
    assert np.isfinite(tsne(rng.normal(size=shape).astype(np.float32))).all()
    assert np.isfinite(tsne(np.ones(shape, np.float32))).all()


def test_the_map_names_every_clip_beside_its_place(tmp_path):
    found = read(tmp_path)
    places = np.arange(140, dtype=np.float32).reshape(70, 2)
    part = embedding_section(found, places)
    assert rows_of(part.tables[0])[12] == ["sadness-2", "sadness", "neutral", "24.0", "25.0"]
    assert embedding_section(found, None).html == ""


def test_intensity_leaves_neutral_out_and_counts_each_clip_once(tmp_path):
    part = intensity_results({"run": read(tmp_path)})
    assert "Recall over 60 clips" in part.html
    rows = rows_of(part.tables[0])
    assert sum(int(row[3]) for row in rows) == 60
    # The three weakest clips of each class are wrong: peaks 0, 0.1, 0.2.
    assert [float(row[5]) for row in rows] == [0, 50, 100, 100, 100]


def test_bins_are_shared_by_runs_and_survive_equal_intensities():
    peaks = np.linspace(0, 1, 100)
    found = bin_by_intensity({"a": (peaks, peaks > 0.5), "b": (peaks[50:], peaks[50:] > 2)})
    assert found.totals["a"].sum() == 100 and found.totals["b"].sum() == 50
    assert found.correct["a"].sum() == 50 and found.correct["b"].sum() == 0
    same = bin_by_intensity({"a": (np.full(4, 0.5), np.array([True, False, True, True]))})
    np.testing.assert_allclose(found.means, [0.1, 0.3, 0.5, 0.7, 0.9], atol=0.15)
    assert (
        same.totals["a"].tolist() == [4] and same.means == 0.5 and same.correct["a"].tolist() == [3]
    )


def test_gates_that_follow_the_intensity_are_found(tmp_path):
    found = read(tmp_path)
    peaks = np.array([p.peak_intensity for p in found.predictions])
    noise = np.random.default_rng(0).normal(size=(70, 4))
    weights = 1 + 0.01 * noise + peaks[:, None] * [0.5, 0, 0, -0.5]
    part = gates_section(found, {"layer3": weights.astype(np.float32)})
    assert "Of 4 channels, 1 rise and 1 fall with intensity" in part.html
    rows = rows_of(part.tables[0])
    assert float(rows[0][-1]) > 0.95 and float(rows[3][-1]) < -0.95
    assert abs(float(rows[1][-1])) < 0.3
    assert float(rows[0][1]) < 1.1 < 1.4 < float(rows[0][5])


def test_gates_without_ground_truth_are_shown_by_class(tmp_path):
    found = read(tmp_path, synthetic=False)
    weights = np.ones((70, 8), np.float32)
    part = gates_section(found, {"layer2": weights})
    assert "by class" in part.html and "0 % of the cells" in part.html
    assert "correlation" not in part.tables[0].heads
    assert gates_section(found, {}).html == ""


def test_tables_in_every_format():
    rows = [["a_b & <c>", 1234, 1.25, "50 %"], ["d", 5, float("nan"), ""]]
    table = Table("t", ["name", "clips", "share", "x"], rows)
    assert table.csv() == "name,clips,share,x\na_b & <c>,1234,1.25,50 %\nd,5,nan,\n"
    assert table.latex().splitlines()[0] == r"\begin{tabular}{lrrl}"
    assert r"a\_b \& \textless{}c\textgreater{} & 1,234 & 1.25 & 50 \% \\" in table.latex()
    assert "<td class='number'>1,234</td>" in table.html() and "&lt;c&gt;" in table.html()


def test_the_page_of_an_ensemble_names_its_members_and_their_weights(tmp_path):
    entries = [
        {"file": f"runs/{run}/eval/test.json", "weight": weight, "war": war, "uar": 0.25}
        for run, weight, war in (("a_b", 0.75, 0.5), ("c & d", 0.25, 0.625))
    ]
    content = evaluation(selection="ensemble (last; weights given)")
    content["model"] = {"name": "ensemble", "kwargs": {"members": entries}}
    (found,) = read_evaluations(write_run(tmp_path, evaluations={"test": content}))
    part = sections.ensemble_members(found)
    assert rows_of(part.tables[0]) == [
        ["a_b", "0.75", "50.0", "25.0"],
        ["c & d", "0.25", "62.5", "25.0"],
        ["together", "", "70.0", "70.0"],
    ]
    assert "c &amp; d" in part.html and "runs/" not in part.html
    assert "Epoch" not in sections.headline([found], trained=False).html
    alike = dataclasses.replace(found, members=(found.members[0],) * 2)
    assert "runs/a_b" in sections.ensemble_members(alike).html, "two of one name"
    assert not sections.ensemble_members(dataclasses.replace(found, members=())).html


def dotted_lines(chart) -> list[float]:
    """Returns the levels of the dotted lines of a chart, on either axis."""
    lines = [line for axes in chart.draw().axes for line in axes.lines]
    ends = [np.array(line.get_data(), float) for line in lines if line.get_linestyle() == ":"]
    return [float(x[0] if x[0] == x[1] else y[0]) for x, y in ends]


@pytest.mark.parametrize(("present", "level"), [(3, "33.3 %"), (2, "50.0 %"), (7, "14.3 %")])
def test_chance_is_one_of_the_classes_that_have_clips(tmp_path, present, level):
    found = read(tmp_path, present=present)
    card = sections.headline([found], trained=True).html.partition("<h3>Chance</h3>")[2]
    assert f"<dd>{level}<small>always the same one" in card
    few = f"{present} classes of 7 have clips here ({', '.join(CLASSES[:present])}). "
    assert (few if present < 7 else ">7 classes. ") in card
    assert f"Guessing evenly among them gives {level} for both." in card
    series = {"test/war": (np.arange(4.0), np.full(4, 0.5))}
    curves = sections.learning_curves(series, [], best=None, chance=found.chance).charts
    seeds = {"run": found, "run 2": found}
    charts = [
        *curves,
        class_results(found).charts[1],
        *intensity_results({"run": found}).charts,
        *seeds_section(seeds, {"method": list(seeds)}).charts,
        *(c for c in comparison._classes(seeds).charts),
    ]
    assert [dotted_lines(chart) for chart in charts] == [[pytest.approx(1 / present)]] * 5


def test_test_clips_that_the_weights_may_have_seen_are_said(tmp_path):
    elsewhere = evaluation() | {
        "dataset": "mafw/seven", "split": "fd1", "seen_before": "MAFW holds clips of DFEW",
    }  # fmt: skip
    run = write_run(tmp_path, evaluations={"test": evaluation(), "mafw-seven@fd1": elsewhere})
    html = sections.headline(read_evaluations(run), trained=True).html
    assert "<p class='note'>mafw/seven: MAFW holds clips of DFEW.</p>" in html


def test_latex_takes_no_name_for_a_command():
    rows = [("[a](b){c}", 1), ("--help", 2), ("*star", 3), ("$x_1^2&~ 100%#", 4)]
    lines = Table("t", ("clip", "n"), rows).latex().splitlines()
    assert [line.split(" & ")[0] for line in lines[4:8]] == [
        r"{[}a](b)\{c\}",
        "-{}-help",
        "{*}star",
        r"\$x\_1\textasciicircum{}2\&\textasciitilde{} 100\%\#",
    ]
