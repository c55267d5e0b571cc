"""Tests of `dfer_jax.intervals` against published values and against simulation."""

import numpy as np
import pytest

from dfer_jax.intervals import uar_interval, wilson_interval


@pytest.mark.parametrize(
    ("correct", "total", "low", "high"),
    # Newcombe (1998), Statistics in Medicine 17, table I, method 3.
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_equals_published_values(correct, total, low, high):
    got = wilson_interval(np.array([correct]), np.array([total]))
    np.testing.assert_allclose(np.concatenate(got), [low, high], atol=5e-5)


def test_wilson_knows_nothing_without_clips():
    low, high = wilson_interval(np.array([0]), np.array([0]))
    np.testing.assert_allclose([low[0], high[0]], [0, 1])


def test_uar_of_one_class_is_its_wilson_interval():
    low, high = wilson_interval(np.array([7]), np.array([29]))
    np.testing.assert_allclose(uar_interval(np.array([7]), np.array([29])), [low[0], high[0]])


def test_uar_leaves_out_classes_without_clips():
    full = uar_interval(np.array([7, 5]), np.array([29, 10]))
    assert uar_interval(np.array([7, 0, 5]), np.array([29, 0, 10])) == full
    assert uar_interval(np.array([0]), np.array([0])) == (0.0, 1.0)


def test_uar_interval_covers_the_truth_about_95_percent_of_the_time():
    rng = np.random.default_rng(0)
    recall = np.array([0.9, 0.7, 0.6, 0.7, 0.5, 0.05, 0.4])
    totals = np.array([49, 38, 53, 44, 29, 5, 18])
    runs = [uar_interval(rng.binomial(totals, recall), totals) for _ in range(2000)]
    covered = np.mean([low <= recall.mean() <= high for low, high in runs])
    assert 0.93 < covered < 0.99, covered
