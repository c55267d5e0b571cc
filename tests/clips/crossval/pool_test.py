import json

import numpy as np
import prediction_files
import pytest

from configs import dfew
from dfer_jax.clips.crossval import pool, summary
from dfer_jax.errors import UserError


def _runs(tmp_path, selection="ensemble (last; weights fitted on validation)"):
    runs = []
    for fold in (1, 2, 3):
        case = prediction_files.random_case(fold, first_id=1000 * fold)
        runs.append(str(tmp_path / f"run{fold}"))
        prediction_files.write(runs[-1], *case, file_name=f"fd{fold}", selection=selection)
    return runs


def test_ensembles_of_the_folds_are_pooled(tmp_path):
    runs = _runs(tmp_path)
    table = pool.pool(runs)
    rows = {row.what: row for row in table.rows}
    assert {row.selection for row in table.rows} == {
        "ensemble (last; weights fitted on validation)"
    }
    assert rows["pooled"].clips == 180 and table.published is None
    np.testing.assert_allclose(  # folds of one size: their accuracies' mean is that of all clips
        rows["pooled"].values[-1], np.mean([rows[f"fold {k}"].values[-1] for k in (1, 2, 3)])
    )
    (tmp_path / "out").mkdir()
    text = summary.save(table, str(tmp_path / "out"))
    assert "ensemble (last; weights fitted on validation)" in text
    assert json.loads((tmp_path / "out" / "crossval.json").read_text())["rows"]


def test_runs_of_a_published_config_stand_beside_its_row(tmp_path):
    runs = _runs(tmp_path, selection="last")
    config = json.loads(dfew.get_config().to_json_best_effort())
    (tmp_path / "run1" / "config.json").write_text(json.dumps(config))
    assert pool.pool(runs).published.war == 69.24


def test_a_fold_given_twice_or_never_evaluated_is_refused(tmp_path):
    runs = _runs(tmp_path)
    with pytest.raises(UserError, match="second run for split fd2"):
        pool.pool([*runs, runs[1]])
    with pytest.raises(UserError, match="no evaluation of test"):
        pool.pool([*runs, str(tmp_path)])
