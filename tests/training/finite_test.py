import jax.numpy as jnp
import pytest

from dfer_jax.errors import UserError
from dfer_jax.runs.train_state import TrainState
from dfer_jax.training.finite import FiniteWatch

GOOD = {"loss": jnp.float32(1), "grad_norm": jnp.float32(2)}


def _state(bad=()):
    def leaf(name):
        return jnp.array([0, jnp.nan if name in bad else 1], jnp.float32)

    return TrainState(
        step=jnp.int32(4),
        params={"head": {"bias": leaf("bias"), "kernel": leaf("kernel")}},
        batch_stats={"norm1": {"mean": leaf("mean")}, "norm2": {"mean": leaf("mean2")}},
        opt_state=(),
    )


def _watch():
    return FiniteWatch(lambda step: [f"clip {step}a", f"clip {step}b"])


def test_finite_steps_go_on():
    watch = _watch()
    watch.check(_state())  # before the first step
    watch.note(1, GOOD)
    watch.check(_state())


@pytest.mark.parametrize(
    ("metrics", "bad", "where"),
    [
        ({"loss": jnp.float32("nan")}, ("mean2", "bias"), r"batch_stats/norm2/mean"),
        ({"loss": jnp.float32("inf")}, ("mean", "mean2"), r"norm1/mean and 1 more arrays"),
        ({"loss": jnp.float32("nan")}, ("bias",), r"the logits or the loss itself"),
        ({"grad_norm": jnp.float32("nan")}, ("kernel",), r"gradient of params/head/kernel"),
        ({"grad_norm": jnp.float32("inf")}, (), r"the norm of all gradients"),
    ],
)
def test_what_is_not_finite_is_named_with_its_step_and_clips(metrics, bad, where):
    watch = _watch()
    watch.note(4, GOOD | metrics)
    with pytest.raises(UserError, match=rf"not finite at step 4 \(first in .*{where}\)") as caught:
        watch.check(_state(bad))
    assert str(caught.value).endswith("\n  clip 3a\n  clip 3b")
    assert "lower optim.learning_rate" in str(caught.value)
