"""EC-STFL, both forms, against loops in float64, finite differences, and batches at the edge."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfer_jax.errors import UserError
from dfer_jax.training.feature_losses import ec_stfl

LABELS = [0, 1, 0, 2, 1, 0]


def _features():
    return np.random.default_rng(0).normal(size=(len(LABELS), 4))


def _paper(x, labels):
    near = far = 0.0
    for i, a in enumerate(x):
        for j, b in enumerate(x):
            distance = 0.0 if i == j else np.sqrt(((a - b) ** 2).sum() + 1e-12)
            if labels[i] == labels[j]:
                near += distance / labels.count(labels[i])
            else:
                far += distance / labels.count(labels[j])
    return near / far if far else 0.0


def _code(x, labels):
    total = 0.0
    for i, a in enumerate(x):
        distances = [np.abs(a - b).sum() for b in x]
        mine = [d for d, label in zip(distances, labels, strict=True) if label == labels[i]]
        others = [d for d, label in zip(distances, labels, strict=True) if label != labels[i]]
        attract = sum(mine) / (len(mine) + 1e-6)
        total += attract * sum(1 / (d + 1e-6) for d in others) / (len(others) + 1 + 1e-6)
    return total / len(x) ** 2


BY_HAND = {"paper": _paper, "code": _code}


def _value_and_gradient(x, labels, *, form):
    found = jax.jit(jax.value_and_grad(functools.partial(ec_stfl, form=form)))(
        jnp.asarray(np.asarray(x, np.float32)), jnp.asarray(np.asarray(labels))
    )
    return jax.device_get(found)


@pytest.mark.parametrize("form", BY_HAND)
def test_value_and_gradient_are_those_by_hand(form):
    x = _features()
    value, gradient = _value_and_gradient(x, LABELS, form=form)
    np.testing.assert_allclose(value, BY_HAND[form](x, LABELS), rtol=1e-5)
    for place in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[place] = 1e-6
        slope = (BY_HAND[form](x + step, LABELS) - BY_HAND[form](x - step, LABELS)) / 2e-6
        np.testing.assert_allclose(gradient[place], slope, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("form", BY_HAND)
@pytest.mark.parametrize("labels", [[3] * 6, [0]])
def test_with_one_class_it_is_0_without_gradient(form, labels):
    value, gradient = _value_and_gradient(_features()[: len(labels)], labels, form=form)
    assert value == 0
    assert not np.any(gradient)


@pytest.mark.parametrize("form", BY_HAND)
def test_equal_features_give_finite_values_and_gradients(form):
    value, gradient = _value_and_gradient(np.ones((4, 3)), [0, 0, 1, 1], form=form)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def test_the_papers_does_not_change_with_scale_and_is_0_where_all_labels_differ():
    x, labels = jnp.asarray(_features(), jnp.float32), jnp.asarray(LABELS)
    np.testing.assert_allclose(ec_stfl(7 * x, labels), ec_stfl(x, labels), rtol=1e-5)
    assert ec_stfl(x, jnp.arange(6)) == 0


def test_another_form_is_refused():
    with pytest.raises(UserError, match="choose from paper, code"):
        ec_stfl(jnp.ones((2, 2)), jnp.zeros(2, jnp.int32), form="2020")
