"""Tests of the bootstrap against binomial theory."""

import numpy as np

from dfer_jax.results.bootstrap import score_intervals


def test_war_interval_is_that_of_a_binomial_share():
    hits = np.repeat([1.0, 0.0], [700, 300])
    labels = np.arange(1000) % 7
    low, high = score_intervals(hits, labels, num_classes=7)
    margin = 1.96 * np.sqrt(0.7 * 0.3 / 1000)
    np.testing.assert_allclose([low[-1], high[-1]], [0.7 - margin, 0.7 + margin], atol=0.004)


def test_uar_interval_adds_the_variances_of_the_recalls():
    recall, clips = np.array([0.9, 0.5, 0.2]), np.array([500, 200, 50])
    labels = np.repeat(np.arange(3), clips)
    hits = np.concatenate([np.arange(n) < r * n for r, n in zip(recall, clips, strict=True)])
    low, high = score_intervals(hits.astype(float), labels, num_classes=3)
    margin = 1.96 * np.sqrt((recall * (1 - recall) / clips).sum()) / 3
    np.testing.assert_allclose(
        [low[3], high[3]], recall.mean() + np.array([-margin, margin]), atol=0.006
    )
    assert np.all((low[:3] < recall) & (recall < high[:3]))


def test_classes_absent_or_never_right():
    hits, labels = np.array([1.0, 1.0, 0.0, 0.0]), np.array([0, 0, 2, 2])
    low, high = score_intervals(hits, labels, num_classes=3)
    assert np.isnan(low[1]) and np.isnan(high[1])
    assert low[2] == high[2] == 0 and low[0] == high[0] == 1
    assert np.isfinite([low[3], high[3], low[4], high[4]]).all()


def test_the_same_clips_give_the_same_interval_and_shared_hits_a_narrower_one():
    labels = np.arange(400) % 7
    rng = np.random.default_rng(0)
    one = rng.integers(2, size=400).astype(float)
    both = (one + rng.integers(2, size=400)) / 2
    first, again = (score_intervals(one, labels, num_classes=7) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    low, high = score_intervals(both, labels, num_classes=7)
    assert high[-1] - low[-1] < first[1][-1] - first[0][-1]
