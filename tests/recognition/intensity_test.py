"""Intensity: the margin over a face at rest."""

import numpy as np
import pytest

from dfer_jax.labels import CLASSES
from dfer_jax.recognition.intensity import intensity


def shares_of(logits):
    shares = np.exp(logits) / np.exp(logits).sum()
    return dict(zip(CLASSES, shares.tolist(), strict=True))


def test_it_is_the_two_way_softmax_of_the_strongest_expression_against_neutral():
    logits = np.array([1.0, -2.0, 0.5, 3.0, 2.9, 0.0, -1.0])  # anger 3, neutral .5
    assert intensity(shares_of(logits)) == pytest.approx(1 / (1 + np.exp(0.5 - 3.0)))


def test_a_face_at_rest_is_near_zero_and_a_tie_is_a_half():
    assert intensity(shares_of(np.array([0, 0, 8.0, 0, 0, 0, 0]))) < 0.001
    assert intensity(shares_of(np.zeros(7))) == pytest.approx(0.5)


def test_it_rises_with_the_expression():
    rising = [intensity(shares_of(np.array([x, 0, 1, 0, 0, 0, 0]))) for x in range(6)]
    assert rising == sorted(rising)


def test_without_neutral_the_rival_is_the_runner_up():
    assert intensity({"joy": 0.6, "fear": 0.2, "awe": 0.2}) == pytest.approx(0.5)
    assert intensity({"joy": 0.4, "fear": 0.4, "awe": 0.2}) == 0
    assert intensity({"neutral": 0.0, "awe": 0.0}) == 0
