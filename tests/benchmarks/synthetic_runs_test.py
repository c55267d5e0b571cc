"""Curves of runs are cut into epochs and compared seed by seed."""

import pytest

from benchmarks.claims import synthetic_runs


def test_scalars_are_averaged_by_epoch():
    rows = [
        {"step": 1, "epoch": 0.5, "train/loss": 3.0},
        {"step": 2, "epoch": 1.0, "train/loss": 1.0},
        {"step": 2, "epoch": 1.0, "test/war": 0.5},
        {"step": 3, "epoch": 1.5, "train/loss": None},
        {"step": 4, "epoch": 2.0, "train/loss": 0.5},
    ]
    assert synthetic_runs.by_epoch(rows, "train/loss") == [2.0, 0.5]
    assert synthetic_runs.by_epoch(rows, "test/war") == [0.5]


def test_curves_are_compared_in_pairs():
    assert synthetic_runs.apart([[1, 2], [3, 4]], [[1, 3], [2, 4]]) == pytest.approx(0.5)
