"""The centre loss against loops in float64 and finite differences, and its centres in a step."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from dfer_jax.errors import UserError
from dfer_jax.runs import checkpoint
from dfer_jax.runtime import parallel
from dfer_jax.training.centre_loss import CentreLoss
from dfer_jax.training.step import Objective, make_init, make_train_step

LABELS = [0, 1, 0, 2, 1, 0]
LOSS = CentreLoss(weight=1e-4, rate=0.5, batch_size=len(LABELS))
RNG = np.random.default_rng(0)
FEATURES, CENTRES = RNG.normal(size=(len(LABELS), 4)), RNG.normal(size=(5, 4))


def _by_hand(x, labels):
    return 0.5 * sum(((a - CENTRES[y]) ** 2).sum() for a, y in zip(x, labels, strict=True))


def _value(x, labels=LABELS):
    x, centres = (jnp.asarray(each, jnp.float32) for each in (x, CENTRES))
    return LOSS(x, jnp.asarray(labels), centres)[0]


def test_value_and_gradient_are_those_by_hand():
    value, gradient = jax.value_and_grad(_value)(jnp.asarray(FEATURES, jnp.float32))
    np.testing.assert_allclose(value, _by_hand(FEATURES, LABELS), rtol=1e-6)
    np.testing.assert_allclose(gradient, FEATURES - CENTRES[LABELS], rtol=1e-5, atol=1e-6)
    for place in np.ndindex(FEATURES.shape):
        step = np.zeros_like(FEATURES)
        step[place] = 1e-5
        slope = (_by_hand(FEATURES + step, LABELS) - _by_hand(FEATURES - step, LABELS)) / 2e-5
        np.testing.assert_allclose(gradient[place], slope, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("labels", [LABELS, [3] * 6])
def test_centres_follow_their_own_clips_alone(labels):
    x, centres = (jnp.asarray(each, jnp.float32) for each in (FEATURES, CENTRES))
    found = LOSS.moved(centres, LOSS(x, jnp.asarray(labels), centres)[1])
    expected = CENTRES.copy()
    for j in set(labels):
        mine = FEATURES[np.array(labels) == j]
        expected[j] -= 0.5 * (CENTRES[j] - mine).sum(axis=0) / (1 + len(mine))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    absent = [j for j in range(5) if j not in labels]
    np.testing.assert_array_equal(found[np.array(absent)], centres[np.array(absent)])


class Linear(nn.Module):
    """One layer behind the mean of all pixels."""

    feature_name: str = "features"

    @nn.compact
    def __call__(self, clips, *, train):
        features = nn.Dense(4, name="first")(clips.mean(axis=(1, 2, 3)))
        return nn.Dense(3)(features), {"aux_logits": {}, self.feature_name: features}


GAP = {"gap_weight": 0.0, "gap_form": "positive", "gap_eps": 0.02, "gap_log_base": "e"}
DECAY = {"gap_decay_amplitude": 1.0, "gap_decay_rate": 0.0, "steps_per_epoch": 5}


def _made(devices, accumulation_steps=1):
    loss = CentreLoss(weight=0.1, rate=0.5, batch_size=8)
    shared = {"optimizer": optax.sgd(0.1, momentum=0.9), "seed": 0, "centre_loss": loss}
    step = make_train_step(
        Linear(),
        objective=Objective(ial_weight=0.0, aux_weights={}, **GAP, **DECAY),
        augmentation=lambda keys, clips: clips.astype(jnp.float32) / 255,
        parallel=devices,
        accumulation_steps=accumulation_steps,
        **shared,
    )
    return devices.replicate(make_init(Linear(), clip_shape=(1, 2, 2, 3), **shared)()), step


def _batch(devices, seed=0):
    clips = np.random.default_rng(seed).integers(0, 256, (8, 1, 2, 2, 3), np.uint8)
    return devices.put({"clips": clips, "labels": np.array([0, 0, 1, 1, 1, 0, 0, 1], np.int32)})


def _after_a_step(devices, accumulation_steps):
    state, step = _made(devices, accumulation_steps)
    state, metrics = step(state, _batch(devices))
    return jax.device_get((state.params, state.centres)), jax.device_get(metrics)


def test_a_step_is_the_same_however_its_clips_are_dealt():
    one, two = (parallel.over(jax.devices()[:n]) for n in (1, 2))
    first = _made(one)[0].centres
    expected, metrics = _after_a_step(one, 1)
    moved = np.abs(expected[1] - first).max(axis=1)
    assert moved[:2].min() > 0.01
    assert moved[2] == 0
    np.testing.assert_allclose(metrics["loss"], metrics["ce"] + 0.1 * metrics["centre"], rtol=1e-6)
    for devices, accumulation_steps in ((one, 2), (two, 1)):
        found, same_metrics = _after_a_step(devices, accumulation_steps)
        close = functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6)
        jax.tree.map(close, found, expected)
        np.testing.assert_allclose(same_metrics["centre"], metrics["centre"], rtol=1e-5)


def test_a_checkpoint_goes_on_bit_for_bit(tmp_path):
    one = parallel.over(jax.devices()[:1])
    state, step = _made(one)
    like = jax.eval_shape(lambda: state)
    state, _ = step(state, _batch(one, 1))
    facts = dict.fromkeys(("model_name", "dataset", "source"), "linear")
    facts |= {"model_kwargs": {}, "preprocess": {}}
    metadata = checkpoint.make_metadata(classes=["a", "b", "c"], **facts)
    with checkpoint.Checkpoints(str(tmp_path), best_metric="war") as saved:
        saved.save(state, metrics={}, metadata=metadata)
    whole, _ = step(state, _batch(one, 2))
    with checkpoint.Checkpoints(str(tmp_path), best_metric="war") as saved:
        state = saved.restore_latest(like, metadata={"classes": ["a", "b", "c"]})
    parts, _ = step(one.replicate(state), _batch(one, 2))
    for a, b in zip(jax.tree.leaves(whole), jax.tree.leaves(parts), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_network_without_a_feature_vector_is_refused():
    options = {"seed": 0, "clip_shape": (1, 2, 2, 3), "centre_loss": LOSS}
    init = make_init(Linear("other"), optax.sgd(0.1), **options)
    with pytest.raises(UserError, match="Linear gives none: set it to 0"):
        jax.eval_shape(init)
