"""Losses on the relation of classes, against float64 by hand and finite differences."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfer_jax.training.class_losses import compact_softmax, group_cross_entropy
from dfer_jax.training.losses import clip_loss, cross_entropy

LABELS = np.array([0, 3, 1, 4])
GROUPS = ((0, 2), (1,), (3, 4))
LOGITS = np.random.default_rng(0).normal(size=(4, 5)) * 3
SOFT = np.random.default_rng(1).dirichlet(np.ones(5), size=4)


def _softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def _compact(x):
    total = 0.0
    for row, label in zip(x, LABELS, strict=True):
        others = _softmax(np.delete(row, label))
        total += -np.log(others).mean() - np.log(len(others))
    return total


def _groups(x, targets):
    total = 0.0
    for row, target in zip(x, targets, strict=True):
        p = _softmax(row)
        total -= sum(target[list(g)].sum() * np.log(p[list(g)].sum()) for g in GROUPS)
    return total


ONE_HOT = np.eye(5)[LABELS]
CASES = {
    "compact": (lambda x: compact_softmax(x, jnp.asarray(LABELS)), _compact),
    "groups": (
        lambda x: group_cross_entropy(x, jnp.asarray(LABELS), groups=GROUPS),
        lambda x: _groups(x, ONE_HOT),
    ),
    "groups of shares": (
        lambda x: group_cross_entropy(x, jnp.asarray(SOFT, jnp.float32), groups=GROUPS),
        lambda x: _groups(x, SOFT),
    ),
    "cross-entropy of shares": (
        lambda x: cross_entropy(x, jnp.asarray(SOFT, jnp.float32)),
        lambda x: -sum((t * np.log(_softmax(row))).sum() for row, t in zip(x, SOFT, strict=True)),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient_are_those_by_hand(name):
    loss, by_hand = CASES[name]
    logits = jnp.asarray(LOGITS, jnp.float32)
    value, gradient = jax.jit(jax.value_and_grad(lambda x: loss(x).sum()))(logits)
    np.testing.assert_allclose(value, by_hand(LOGITS), rtol=1e-5)
    for place in np.ndindex(LOGITS.shape):
        step = np.zeros_like(LOGITS)
        step[place] = 1e-5
        slope = (by_hand(LOGITS + step) - by_hand(LOGITS - step)) / 2e-5
        np.testing.assert_allclose(gradient[place], slope, rtol=1e-3, atol=1e-5)


compact = jax.jit(compact_softmax)


def test_compact_softmax_is_0_where_the_others_are_equal_and_with_two_classes():
    logits = jnp.array([[9.0, 1.0, 1.0, 1.0], [2.0, 2.0, -50.0, 2.0]])
    np.testing.assert_allclose(compact(logits, jnp.array([0, 2])), 0, atol=1e-6)
    two = compact(jnp.array([[3.0, -1.0]]), jnp.array([1]))
    np.testing.assert_allclose(two, 0, atol=1e-6)
    far = compact(jnp.array([[1e4, -1e4, 0.0]]), jnp.array([2]))
    assert np.isfinite(far).all()


def test_group_and_within_are_the_cross_entropy():
    logits, labels = jnp.asarray(LOGITS, jnp.float32), jnp.asarray(LABELS)
    within = [
        -np.log(_softmax(row[list(g)])[g.index(label)])
        for row, label in zip(LOGITS, LABELS, strict=True)
        for g in GROUPS
        if label in g
    ]
    whole = cross_entropy(logits, labels)
    found = jax.jit(functools.partial(group_cross_entropy, groups=GROUPS))(logits, labels)
    np.testing.assert_allclose(found + np.array(within), whole, rtol=1e-5)


def test_shares_of_one_class_are_its_label_but_without_the_losses_of_one_target():
    options = {"ial_weight": 0.0, "aux_weights": {"layer2": 0.5}, "label_smoothing": 0.1}
    logits, aux = jnp.asarray(LOGITS, jnp.float32), {"layer2": jnp.asarray(LOGITS[::-1])}
    loss = jax.jit(functools.partial(clip_loss, **options))
    hard, parts = loss(logits, aux, jnp.asarray(LABELS))
    soft, others = loss(logits, aux, jnp.asarray(ONE_HOT, jnp.float32))
    np.testing.assert_allclose(soft, hard, rtol=1e-6)
    assert parts.keys() - others.keys() == {"ial", "gap"}
