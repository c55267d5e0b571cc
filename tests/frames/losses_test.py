import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from dfer_jax.frames import losses as frame_losses
from dfer_jax.training import losses

RNG = np.random.default_rng(0)
LOGITS = jnp.asarray(RNG.standard_normal((3, 9, 7)) * 3, jnp.float32)
LABELS = jnp.asarray(RNG.integers(-1, 7, (3, 9)))
UNITS = jnp.asarray(RNG.integers(0, 2, (3, 9, 7)))
MASK = LABELS >= 0
WEIGHTS = jnp.asarray(RNG.uniform(0.2, 3, 7), jnp.float32)
LOSSES = {
    "expressions": lambda x, **o: frame_losses.cross_entropy(x, LABELS, MASK, **o),
    "action_units": lambda x, **o: frame_losses.binary_cross_entropy(x, UNITS, MASK, **o),
}
each_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())


@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy_by_hand(weighted):
    weights = WEIGHTS if weighted else None
    found = jax.jit(frame_losses.cross_entropy)(LOGITS, LABELS, MASK, class_weights=weights)
    found = np.asarray(found)
    x, y = np.asarray(LOGITS, np.float64), np.asarray(LABELS)
    for place in np.ndindex(y.shape):
        if y[place] < 0:
            assert found[place] == 0
            continue
        p = np.exp(x[place]) / np.exp(x[place]).sum()
        expected = -np.log(p[y[place]]) * (float(WEIGHTS[y[place]]) if weighted else 1)
        np.testing.assert_allclose(found[place], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
def test_binary_cross_entropy_by_hand(weighted):
    weights = WEIGHTS if weighted else None
    found = jax.jit(frame_losses.binary_cross_entropy)(
        LOGITS, UNITS, MASK, positive_weights=weights
    )
    p = 1 / (1 + np.exp(-np.asarray(LOGITS, np.float64)))
    w = np.broadcast_to(np.asarray(WEIGHTS), p.shape) if weighted else np.ones_like(p)
    cells = -np.where(np.asarray(UNITS) == 1, w * np.log(p), np.log(1 - p))
    expected = np.where(np.asarray(MASK), cells.mean(-1), 0)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_cross_entropy_is_that_of_clips():
    flat = frame_losses.cross_entropy(LOGITS, LABELS, MASK)[MASK]
    clips = losses.cross_entropy(LOGITS[MASK], LABELS[MASK])
    np.testing.assert_array_equal(flat, clips)


@each_loss
def test_masked_frames_do_not_matter(loss):
    """Neither to the mean nor to the gradient, whatever their logits are."""

    def mean(x):
        return loss(x)[*np.nonzero(MASK)].mean()

    both = jax.jit(jax.value_and_grad(mean))
    value, gradient = both(LOGITS)
    changed = np.where(np.asarray(MASK)[..., None], LOGITS, np.float32(1e4))
    other, other_gradient = both(changed)
    assert value == other
    np.testing.assert_array_equal(gradient, other_gradient)
    assert (np.abs(gradient).sum(-1) > 0).tolist() == MASK.tolist()
    np.testing.assert_allclose(value, np.asarray(jax.jit(loss)(LOGITS))[MASK].mean(), rtol=1e-6)


@each_loss
def test_gradients(loss):
    for options in ({}, {"class_weights": WEIGHTS}, {"positive_weights": WEIGHTS}):
        if options and (loss is LOSSES["expressions"]) != ("class_weights" in options):
            continue
        total = jax.jit(lambda x, o=options: loss(jnp.asarray(x), **o).sum())
        check_grads(total, (LOGITS / 3,), 1, eps=1e-2, rtol=2e-2)


@each_loss
def test_extreme_logits_are_finite(loss):
    both = jax.jit(jax.value_and_grad(lambda x: loss(x).sum()))
    for scale in (1e4, -1e4):
        value, gradient = both(LOGITS * scale)
        assert np.isfinite(value) and np.isfinite(gradient).all()
    assert jax.eval_shape(loss, LOGITS.astype(jnp.bfloat16)).dtype == jnp.float32


def test_class_weights_have_mean_one_over_the_frames():
    counts = np.array([100, 50, 0, 10, 40, 1, 99])
    weights = frame_losses.inverse_frequency(counts)
    assert weights[2] == 0 and weights.dtype == np.float32
    np.testing.assert_allclose((weights * counts).sum() / counts.sum(), 1, rtol=1e-6)
    np.testing.assert_allclose(weights * counts, np.where(counts, 50, 0), rtol=1e-6)


def test_positive_weights_balance_each_unit():
    weights = frame_losses.negatives_per_positive(np.array([20, 50, 0, 100]), 100)
    np.testing.assert_allclose(weights, [4, 1, 1, 0])
