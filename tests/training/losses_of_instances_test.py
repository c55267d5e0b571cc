import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfer_jax.errors import UserError
from dfer_jax.training import losses

LOGITS = jax.random.normal(jax.random.key(0), (3, 7))
INSTANCES = {
    "synopsis": jax.random.normal(jax.random.key(1), (3, 16, 7)),
    "detail": jax.random.normal(jax.random.key(2), (3, 4, 7)),
}
LABELS = jnp.array([2, 0, 6])
WEIGHTS = {
    "ial_weight": 0.0,
    "aux_weights": {"synopsis": 0.1},
    "instance_weights": {"synopsis": 0.1, "detail": 0.1},
}


def test_mean_over_the_instances_of_each_clip():
    found = jax.jit(losses.instance_cross_entropy)(INSTANCES["detail"], LABELS)
    assert found.shape == (3,)
    for i, label in enumerate(LABELS):
        p = np.exp(np.asarray(INSTANCES["detail"][i], np.float64))
        expected = -np.log(p[:, label] / p.sum(axis=1)).mean()
        np.testing.assert_allclose(found[i], expected, rtol=1e-5)


def test_same_instances_have_the_loss_of_one():
    repeated = jnp.repeat(LOGITS[:, None], 5, axis=1)
    found = jax.jit(losses.instance_cross_entropy)(repeated, LABELS)
    np.testing.assert_allclose(found, losses.cross_entropy(LOGITS, LABELS), rtol=1e-6)


def test_total_is_the_weighted_sum_of_four_parts():
    aux = {"synopsis": LOGITS[::-1]}
    of_all = jax.jit(functools.partial(losses.clip_loss, **WEIGHTS))
    total, parts = of_all(LOGITS, aux, LABELS, instance_logits=INSTANCES)
    weight_metrics = ("aux_synopsis", "instances_synopsis", "instances_detail")
    assert set(parts) == {"ce", "ial", "gap", *weight_metrics}
    expected = parts["ce"] + 0.1 * sum(parts[name] for name in weight_metrics)
    np.testing.assert_allclose(total, expected, rtol=1e-6)
    np.testing.assert_allclose(parts["ce"], losses.cross_entropy(LOGITS, LABELS))
    np.testing.assert_allclose(parts["aux_synopsis"], losses.cross_entropy(LOGITS[::-1], LABELS))
    assert all(part.shape == (3,) and part.dtype == jnp.float32 for part in parts.values())


def test_half_precision_logits_give_float32():
    half = {name: value.astype(jnp.bfloat16) for name, value in INSTANCES.items()}
    aux = {"synopsis": LOGITS}
    total, _ = losses.clip_loss(LOGITS, aux, LABELS, instance_logits=half, **WEIGHTS)
    exact, _ = losses.clip_loss(LOGITS, aux, LABELS, instance_logits=INSTANCES, **WEIGHTS)
    assert total.dtype == jnp.float32
    np.testing.assert_allclose(total, exact, atol=0.01)


@pytest.mark.parametrize("kind", ["aux_weights", "instance_weights"])
def test_weights_of_other_stages_are_refused(kind):
    with pytest.raises(UserError, match="loss weights are given for"):
        wrong = {**WEIGHTS, kind: {"layer2": 0.1}}
        losses.clip_loss(LOGITS, {"synopsis": LOGITS}, LABELS, instance_logits=INSTANCES, **wrong)
