"""Tests of `dfer_jax.results.intervals` against published values and against simulation."""

import numpy as np
import pytest

from dfer_jax.results.intervals import (
    mcnemar_p_value,
    paired_differences,
    uar_interval,
    wilson_interval,
)


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


@pytest.mark.parametrize(
    ("only_first", "only_second", "expected"),
    # scipy.stats.binomtest(only_first, only_first + only_second).pvalue
    [
        (0, 0, 1.0),
        (5, 5, 1.0),
        (1, 9, 0.021484375),
        (121, 59, 4.4344492637551645e-06),
        (0, 30, 2**-29),
    ],
)
def test_mcnemar_equals_the_binomial_test(only_first, only_second, expected):
    assert mcnemar_p_value(only_first, only_second) == pytest.approx(expected, rel=1e-5)
    assert mcnemar_p_value(only_second, only_first) == mcnemar_p_value(only_first, only_second)


def test_paired_differences_equal_those_of_the_scores():
    labels = np.array([0] * 6 + [1] * 2 + [3] * 4)
    first = np.array([1, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1], bool)
    second = np.array([1, 1, 1, 1, 0, 0, 1, 0, 0, 0, 1, 1], bool)
    found = paired_differences(first, second, labels, num_classes=5, seed=0, draws=2000)
    assert found.war[0] == pytest.approx(second.mean() - first.mean())
    assert found.uar[0] == pytest.approx((2 / 6 - 1 / 2 + 1 / 4) / 3)
    assert found.war[1] < found.war[0] < found.war[2]
    same = paired_differences(first, first, labels, num_classes=5, seed=0, draws=100)
    assert same.war == same.uar == (0, 0, 0)


def test_paired_intervals_cover_the_truth_about_95_percent_of_the_time():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [200, 100, 40])
    inside = []
    for _ in range(300):
        base = rng.uniform(size=340)  # what makes a clip hard for both runs
        first = base + 0.1 * rng.normal(size=340) < 0.6
        second = base + 0.1 * rng.normal(size=340) < 0.65
        found = paired_differences(first, second, labels, num_classes=3, seed=0, draws=500)
        inside.append([found.war[1] <= 0.05 <= found.war[2], found.uar[1] <= 0.05 <= found.uar[2]])
    covered = np.mean(inside, axis=0)
    assert (covered > 0.91).all() and (covered < 0.985).all(), covered
