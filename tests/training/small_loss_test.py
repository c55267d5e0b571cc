import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfer_jax.errors import UserError
from dfer_jax.training.small_loss import SmallLoss

LABELS = jnp.zeros(10, jnp.int32)


def _row_weights(settings, losses, epoch):
    call = functools.partial(settings, probabilities=None, labels=LABELS[: len(losses)])
    return jax.device_get(jax.jit(lambda losses, epoch: call(losses, epoch=epoch))(losses, epoch))


@pytest.mark.parametrize(
    ("epoch", "kept"), [(0.0, 10), (2.4, 9), (2.5, 9), (5.0, 8), (7.5, 7), (10.0, 6), (50.0, 6)]
)
def test_part_kept_shrinks_over_the_ramp(epoch, kept):
    losses = jax.random.uniform(jax.random.key(0), (10,))
    weights, found = _row_weights(SmallLoss(noise_rate=0.4), losses, epoch)
    order = np.argsort(losses)
    np.testing.assert_allclose(weights[order[:kept]], np.full(kept, 10 / kept), rtol=1e-6)
    assert (weights[order[kept:]] == 0).all()
    np.testing.assert_allclose(found["noisy"], 1 - kept / 10, atol=1e-6)


def test_weighted_mean_is_the_mean_of_those_kept():
    losses = jnp.array([5.0, 1.0, 3.0, 0.5, 4.0])
    weights, _ = _row_weights(SmallLoss(noise_rate=0.4), losses, 20.0)
    assert float((weights * losses).mean()) == pytest.approx(1.5)


def test_equal_losses_keep_the_number():
    weights, _ = _row_weights(SmallLoss(noise_rate=0.2), jnp.ones(10), 20.0)
    assert (weights > 0).tolist() == [True] * 8 + [False] * 2


def test_at_least_one_clip_is_kept():
    weights, _ = _row_weights(SmallLoss(noise_rate=0.9), jnp.array([2.0, 1.0]), 20.0)
    assert weights.tolist() == [0.0, 2.0]


def test_no_gradient_passes_through_the_weights():
    settings, losses = SmallLoss(noise_rate=0.2), jnp.arange(10.0)

    def total(losses):
        weights, _ = settings(losses, None, LABELS, epoch=20.0)
        return (weights * losses).mean()

    np.testing.assert_allclose(jax.jit(jax.grad(total))(losses), [0.125] * 8 + [0.0] * 2)


@pytest.mark.parametrize("settings", [{"noise_rate": 1.0}, {"noise_rate": -0.1}])
def test_noise_rates_without_sense_are_refused(settings):
    with pytest.raises(UserError, match="noise_rate"):
        SmallLoss(**settings)
    with pytest.raises(UserError, match="ramp_epochs"):
        SmallLoss(noise_rate=0.1, ramp_epochs=-1)
