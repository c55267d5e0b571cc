import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dfer_jax.errors import UserError
from dfer_jax.training import optim

RECIPE = {"learning_rate": 1e-3, "steps_per_epoch": 233, "decay_rate": 0.5, "decay_epochs": 7.0}


def test_staircase_halves_every_seven_epochs():
    schedule = optim.make_schedule("staircase", **RECIPE)
    steps = np.array([0, 7 * 233 - 1, 7 * 233, 79 * 233])
    np.testing.assert_allclose(
        [schedule(s) for s in steps], [1e-3, 1e-3, 5e-4, 1e-3 * 0.5**11], rtol=1e-5
    )


def test_exponential_is_smooth_and_meets_the_staircase():
    schedule = optim.make_schedule("exponential", **RECIPE)
    np.testing.assert_allclose(float(schedule(7 * 233)), 5e-4, rtol=1e-5)
    np.testing.assert_allclose(float(schedule(7 * 233 // 2)), 1e-3 * 0.5**0.5, rtol=1e-3)


def test_any_optax_schedule_by_name():
    kwargs = {"init_value": 0.0, "peak_value": 0.1, "warmup_steps": 5, "decay_steps": 50}
    ours = optim.make_schedule("warmup_cosine_decay_schedule", **RECIPE, kwargs=kwargs)
    theirs = optax.warmup_cosine_decay_schedule(**kwargs)
    np.testing.assert_allclose([ours(s) for s in range(60)], [theirs(s) for s in range(60)])


def test_multi_step_decays_at_each_milestone():
    recipe = RECIPE | {"learning_rate": 5e-4, "steps_per_epoch": 7, "decay_rate": 0.1}
    schedule = optim.make_schedule("multi_step", **recipe, milestones=(2, 4, 8))
    factors = [1, 1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.01, 0.001, 0.001]  # of ABAW 2021, ten epochs
    for step_of_epoch in (0, 6):
        found = [float(schedule(jnp.int32(7 * epoch + step_of_epoch))) for epoch in range(10)]
        np.testing.assert_allclose(found, 5e-4 * np.array(factors), rtol=1e-6)


def test_frozen_parameters_stay_without_decay():
    schedule = optax.constant_schedule(0.1)
    optimizer = optim.make_optimizer(schedule, momentum=0.9, weight_decay=0.5, frozen=("still",))
    params = {"still": {"w": jnp.float32(2.0)}, "moving": {"w": jnp.float32(2.0)}}
    updates, _ = optimizer.update(params, optimizer.init(params), params)
    assert updates["still"]["w"] == 0 and updates["moving"]["w"] == pytest.approx(-0.3)


def test_parts_of_a_network_have_their_own_rate():
    schedule = optax.constant_schedule(0.1)
    factors = {"tower": 1e-3}
    optimizer = optim.make_optimizer(schedule, momentum=0.9, weight_decay=0.5, factors=factors)
    params = {"tower": {"w": jnp.float32(2.0)}, "head": {"w": jnp.float32(2.0)}}
    updates, _ = optimizer.update(params, optimizer.init(params), params)
    assert updates["tower"]["w"] == pytest.approx(-0.3e-3)
    assert updates["head"]["w"] == pytest.approx(-0.3)


def test_unknown_schedule_and_wrong_arguments_are_explained():
    with pytest.raises(
        UserError, match="staircase, exponential, multi_step, warmup_cosine or one of"
    ):
        optim.make_schedule("stepwise", **RECIPE)
    with pytest.raises(UserError, match="schedule_kwargs do not fit"):
        optim.make_schedule("cosine_decay_schedule", **RECIPE, kwargs={"peak": 1.0})


def test_sgd_decays_the_gradient_before_momentum():
    # PyTorch: d = g + wd * w; buffer = 0.9 * buffer + d; w -= lr * buffer.
    optimizer = optim.make_optimizer(optax.constant_schedule(0.1), momentum=0.9, weight_decay=0.5)
    weight, buffer = np.float64(2.0), 0.0
    params = {"w": jnp.float32(2.0)}
    state = optimizer.init(params)
    for gradient in (0.3, -0.2, 0.7):
        buffer = 0.9 * buffer + gradient + 0.5 * weight
        weight -= 0.1 * buffer
        updates, state = optimizer.update({"w": jnp.float32(gradient)}, state, params)
        params = optax.apply_updates(params, updates)
        np.testing.assert_allclose(params["w"], weight, rtol=1e-6)


def test_layers_near_the_pixels_learn_slower_and_decay_is_of_kernels_alone():
    names = ("patch_embed.proj", "blocks.0", "blocks.1", "head")
    params = {name: {"kernel": jnp.float32(1.0), "bias": jnp.float32(1.0)} for name in names}
    params["lg_region_tokens"] = jnp.ones((2, 2))
    optimizer = optim.make_optimizer(
        optax.constant_schedule(0.1),
        momentum=0.0,
        weight_decay=0.5,
        name="adamw",
        decay_kernels_only=True,
        layer_decay=0.75,
    )
    gradients = jax.tree.map(jnp.ones_like, params)
    with jax.numpy_dtype_promotion("standard"):  # Optax's Adam takes powers of a step count
        updates, _ = optimizer.update(gradients, optimizer.init(params), params)
    for power, name in ((3, names[0]), (2, names[1]), (1, names[2]), (0, names[3])):
        found = updates[name]
        assert found["kernel"] == pytest.approx(-0.1 * 1.5 * 0.75**power, rel=1e-5), name
        assert found["bias"] == pytest.approx(-0.1 * 0.75**power, rel=1e-5), name
    np.testing.assert_allclose(updates["lg_region_tokens"], -0.1, rtol=1e-5)


def test_layer_decay_is_refused_where_it_means_nothing():
    schedule, recipe = optax.constant_schedule(0.1), {"momentum": 0.9, "weight_decay": 0.0}
    with pytest.raises(UserError, match=r"layer_decay=0\.0 must be above 0 and at most 1"):
        optim.make_optimizer(schedule, **recipe, layer_decay=0.0)
    optimizer = optim.make_optimizer(schedule, **recipe, layer_decay=0.5)
    with pytest.raises(UserError, match="is for vision transformers, whose blocks are numbered"):
        optimizer.init({"layer1.0": {"kernel": jnp.ones(2)}})
