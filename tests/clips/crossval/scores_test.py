import csv
import dataclasses
import io
import json

import latex_scanner
import numpy as np
import prediction_files
import pytest
from sklearn import metrics as sk

from dfer_jax.clips import predictions
from dfer_jax.clips.crossval import render, scores
from dfer_jax.clips.crossval.scores import headline, summarise
from dfer_jax.errors import UserError
from dfer_jax.labels import CLASSES
from dfer_jax.results import published

COUNTS = ((9, 7, 8, 6, 5, 1, 3), (8, 6, 9, 7, 4, 2, 0))  # clips per class in folds 1 and 2


def _results(tmp_path, seeds=(0,), folds=(1, 2)):
    """Random predictions of two folds of unequal class counts, last and best epoch."""
    results = {}
    for fold in folds:
        labels = np.repeat(np.arange(7), COUNTS[fold - 1])
        for seed in seeds:
            run = {}
            for name, selection in (("", "last"), (".best", "best on test")):
                case = prediction_files.random_case(
                    100 * seed + 10 * fold + len(name),
                    len(labels),
                    first_id=1000 * fold,
                    labels=labels,
                )
                path = prediction_files.write(
                    tmp_path / f"{fold}{seed}", *case, file_name=f"fd{fold}{name}"
                )
                run[selection] = predictions.read(path)
            results[fold, seed] = run
    return results


def _by_what(rows, selection):
    return {(row.what, row.seed): row for row in rows if row.selection == selection}


def _expected(labels, predicted):
    recall = sk.recall_score(labels, predicted, labels=range(7), average=None, zero_division=np.nan)
    present = sorted(set(labels.tolist()))
    uar = sk.recall_score(labels, predicted, labels=present, average="macro")
    return [*recall, uar, sk.accuracy_score(labels, predicted)]


@pytest.mark.parametrize("selection", ["last", "best on test"])
def test_pooled_scores_equal_scikit_learns_on_the_concatenated_predictions(tmp_path, selection):
    results = _results(tmp_path)
    rows = _by_what(summarise(results, curves={}), selection)
    parts = [results[fold, 0][selection] for fold in (1, 2)]
    labels, predicted = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("labels", "predicted")
    )
    np.testing.assert_allclose(rows["pooled", 0].values, _expected(labels, predicted))
    assert rows["pooled", 0].clips == len(labels) == 75
    folds = [_expected(part.labels, part.predicted) for part in parts]
    np.testing.assert_allclose(rows["fold 2", 0].values, folds[1])
    np.testing.assert_allclose(rows["mean of folds", 0].values, np.nanmean(folds, axis=0))
    assert rows["pooled", 0].values[-2] != rows["mean of folds", 0].values[-2]


def test_intervals_hold_the_figure_and_a_recall_of_zero_is_not_certain(tmp_path):
    row = _by_what(summarise(_results(tmp_path), curves={}), "last")["pooled", 0]
    assert np.all((row.low <= row.values) & (row.values <= row.high))
    disgust = CLASSES.index("disgust")
    assert row.high[disgust] - row.low[disgust] > 0.3  # three clips tell little
    assert row.high[-1] - row.low[-1] < 0.3


def test_spread_over_seeds_is_that_of_the_pooled_scores(tmp_path):
    rows = _by_what(summarise(_results(tmp_path, seeds=(0, 1, 2)), curves={}), "last")
    pooled = np.stack([rows["pooled", seed].values for seed in (0, 1, 2)])
    np.testing.assert_allclose(rows["mean of seeds", None].values, pooled.mean(0))
    np.testing.assert_allclose(rows["sd of seeds", None].values, pooled.std(0, ddof=1))
    mean = rows["mean of seeds", None]
    assert mean.low[-1] < pooled[:, -1].mean() < mean.high[-1]
    assert np.all(mean.high - mean.low > 0.05)  # also where a recall is 0 or 1


def test_a_seed_without_all_folds_is_left_out_of_the_spread(tmp_path):
    results = _results(tmp_path, seeds=(0, 1, 2))
    del results[2, 1]
    rows = _by_what(summarise(results, curves={}), "last")
    both = np.stack([rows["pooled", seed].values for seed in (0, 2)])
    np.testing.assert_allclose(rows["mean of seeds", None].values, both.mean(0))


def test_folds_that_share_a_clip_are_refused(tmp_path):
    results = _results(tmp_path)
    results[2, 0] = results[1, 0]
    with pytest.raises(UserError, match="share 39 clips"):
        summarise(results, curves={})


def test_best_on_test_from_the_curves_has_scores_but_no_recalls(tmp_path):
    curves = {(1, 0): (0.5, 0.6), (2, 0): (0.4, 0.7)}
    rows = _by_what(summarise(_results(tmp_path), curves=curves), scores.CURVES)
    assert np.isnan(rows["mean of folds", 0].values[:-2]).all()
    np.testing.assert_allclose(rows["mean of folds", 0].values[-2:], [0.45, 0.65])


def test_scores_from_the_curves_have_a_spread_over_seeds_too(tmp_path):
    curves = {(1, 0): (0.5, 0.6), (2, 0): (0.4, 0.7), (1, 1): (0.3, 0.4), (2, 1): (0.6, 0.5)}
    rows = summarise(_results(tmp_path, seeds=(0, 1)), curves=curves)
    mean = headline(rows, scores.CURVES)
    assert mean.what == "mean of seeds"
    np.testing.assert_allclose(mean.values[-2:], [0.45, 0.55])


def _table(tmp_path, seeds=(0,), row=None):
    rows = summarise(_results(tmp_path, seeds), curves={})
    return render.Table("title_1", CLASSES, tuple(rows), row, ("a note",))


def test_text_names_every_protocol_and_what_is_published(tmp_path):
    row = next(row for row in published.GCA_IAL if row.recall)
    table = _table(tmp_path, row=row)
    text = render.as_text(table)
    assert "last epoch" in text and "optimistic" in text and "* a note" in text
    assert "published, not measured here: GCA+IAL" in text
    pooled = headline(table.rows, "last")
    line = next(line for line in text.splitlines() if line.startswith("  pooled"))
    cells = [float(cell) for cell in line.split()[1:]]
    np.testing.assert_allclose(cells, [*100 * pooled.values, pooled.clips], atol=0.005)
    printed = next(line for line in text.splitlines() if line.startswith("  as printed"))
    assert [float(x) for x in printed.split()[2:]] == [*row.recall, row.uar, row.war]


def test_csv_and_json_hold_every_row(tmp_path):
    row = next(row for row in published.OPTIMIZED_IAL)
    table = _table(tmp_path, seeds=(0, 1), row=row)
    lines = list(csv.DictReader(io.StringIO(render.as_csv(table))))
    assert len(lines) == len(table.rows) + 1
    for line, own in zip(lines, table.rows, strict=False):
        assert (line["selection"], line["row"]) == (own.selection, own.what)
        assert line["seed"] == ("" if own.seed is None else str(own.seed))
        np.testing.assert_allclose(float(line["WAR"]), 100 * own.values[-1], atol=1e-4)
        assert (line["WAR 95% low"] == "") == (own.low is None)
    assert lines[-1]["selection"].startswith("published") and lines[-1]["UAR"] == ""
    saved = json.loads(json.dumps(render.as_json(table), allow_nan=False))
    assert len(saved["rows"]) == len(table.rows)
    assert saved["rows"][1]["values"]["fear"] is None  # fold 2 has no such clip
    assert saved["published_in_percent_not_measured_here"]["war"] == row.war


def test_latex_has_one_line_per_protocol_and_escapes_names(tmp_path):
    row = next(row for row in published.GCA_IAL if row.recall)
    text = render.as_latex(_table(tmp_path, seeds=(0, 1), row=row))
    body = [line for line in text.splitlines() if line.endswith("\\\\")]
    assert len(body) == 1 + 2 + 1
    assert all(line.count("&") == 9 for line in body)
    assert body[1].count("\\pm") == 9 and "55.71 & 69.24" in body[-1]


def test_names_of_any_classes_head_their_columns(tmp_path):
    table = _table(tmp_path, seeds=(0,), row=None)
    names = ("[no pain] #1", "no pain 100%", *CLASSES[2:])
    odd = dataclasses.replace(table, classes=names)
    assert "\nEpoch & HA & SA & NE & AN & SU & DI & FE & UAR" in render.as_latex(table)
    assert "\nEpoch & {[}no pain] \\#1 & no pain 100\\% & neutral &" in render.as_latex(odd)
    assert latex_scanner.rows_of(render.as_latex(odd))[0][1:3] == list(names[:2])
    head = render.as_text(odd).splitlines()[1].split(maxsplit=3)
    assert head[:3] == ["[no", "p.01", "no"] and "no pa.02" in render.as_text(odd)


def test_the_rarest_class_is_explained_in_clips():
    counts = dict.fromkeys(range(1, 6), (489, 379, 534, 435, 294, 29, 181))
    note = render.rarest_class_note(CLASSES, counts, [0.9] * 5 + [0.0, 0.3])
    assert "disgust has 145 test clips, 29 in a fold" in note
    assert "3.45 points of its recall and 0.49 of UAR" in note  # 100 / 29, and a seventh of it
    assert "0 of 145 right leaves its recall open from 0.0 to 2.6" in note
    assert "One of all 11,705 clips is 0.009 points of WAR" in note


def test_the_published_row_is_checked_against_the_clips_at_hand():
    row = next(row for row in published.GCA_IAL if row.recall)
    note = render.published_check_note(row, [2445, 1894, 2669, 2173, 1469, 145, 902])
    assert "11,697 test clips here, give WAR 69.24, as printed" in note
    other = render.published_check_note(row, [489, 379, 534, 435, 294, 29, 181])
    assert "not the 69.24 printed" not in other  # fold 1 has nearly the same shares
    assert "not the 69.24 printed" in render.published_check_note(row, [10] * 7)
