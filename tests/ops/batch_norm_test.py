"""BatchNorm against Flax's followed by its ReLU: values, statistics, gradients, devices."""

import shutil
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dfer_jax.ops.batch_norm import BatchNorm, normalise
from dfer_jax.ops.cpu import batch_norm as native

CONSTANTS = {"momentum": 0.9, "epsilon": 1e-5}
with_a_compiler = pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler")


class FlaxNorm(nn.Module):
    """What it must equal."""

    train: bool
    relu: bool
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x):
        norm = nn.BatchNorm(
            use_running_average=not self.train,
            use_fast_variance=False,
            axis_name=self.axis_name,
            **CONSTANTS,
        )
        nn.share_scope(self, norm)
        return nn.relu(norm(x)) if self.relu else norm(x)


class OurNorm(nn.Module):
    """The same, of ours."""

    train: bool
    relu: bool
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x):
        norm = BatchNorm(x.shape[-1], axis_name=self.axis_name, **CONSTANTS)
        nn.share_scope(self, norm)
        return normalise(x, norm(x if self.train else None), self.relu)


def _case(shape, *, mean=0.0):
    """Returns maps whose channels differ, a gradient for them, parameters and statistics."""
    random, channels = np.random.default_rng(0), shape[-1:]
    normal = lambda shape: random.normal(size=shape).astype(np.float32)  # noqa: E731
    x = np.float32(mean) + normal(shape) * np.exp(normal(channels))
    params = {"scale": normal(channels), "bias": normal(channels)}
    statistics = {"mean": normal(channels), "var": np.exp(normal(channels))}
    return jax.tree.map(jnp.asarray, (x, normal(shape), params, statistics))


@partial(jax.jit, static_argnums=0)
def _results(norm, x, dy, params, statistics):
    """Returns the values, the statistics afterwards and the gradients of parameters and maps."""

    def apply(params, x):
        variables = {"params": params, "batch_stats": statistics}
        return norm.apply(variables, x, mutable=["batch_stats"])

    y, pull, after = jax.vjp(apply, params, x, has_aux=True)
    return {"y": y, "after": after["batch_stats"], "gradients": pull(dy)}


def _assert_close(found, expected, tolerance=2e-6):
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert np.abs(a - b).max() <= tolerance * (1 + np.abs(b).max())


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize(
    "shape",
    [
        (4, 5, 6, 3),
        (2, 1, 1, 16),
        (3, 7, 9, 48),  # a group of channels and one left over, several blocks of places
        (64, 20, 20, 64),  # more blocks than parts
        (7, 5000),  # more channels than a block has numbers
        (5, 4112),
    ],
)
def test_all_is_as_in_flax(shape, train, relu):
    case = _case(shape)
    found = _results(OurNorm(train=train, relu=relu), *case)
    expected = _results(FlaxNorm(train=train, relu=relu), *case)
    _assert_close(found, expected, 2e-6 * (_steepness(*case) if shape[0] == 2 else 1))


def _steepness(x, _dy, params, _statistics):
    """How much a channel is stretched: what two places leave is the rest of numbers so large."""
    x = np.asarray(x).reshape(-1, x.shape[-1])
    return max(1, (np.abs(params["scale"]) / x.std(axis=0)).max())


@with_a_compiler
@pytest.mark.parametrize("relu", [False, True])
def test_compiled_and_not_are_the_same(relu, monkeypatch):
    case = _case((6, 14, 14, 80))
    assert native.possible(case[0])
    found = _results(OurNorm(train=True, relu=relu), *case)
    monkeypatch.setattr(native.library, "takes", lambda *_: False)
    _assert_close(found, _results.__wrapped__(OurNorm(train=True, relu=relu), *case))


@pytest.mark.parametrize("channels", [16, 17])  # compiled and not
def test_a_mean_far_from_zero_costs_no_digits(channels):
    x, *_, statistics = _case((8, 28, 28, channels), mean=1000.0)
    statistics = jax.tree.map(jnp.zeros_like, statistics)
    params = {"scale": jnp.ones(channels), "bias": jnp.zeros(channels)}
    after = _results(OurNorm(train=True, relu=False), x, x, params, statistics)["after"]
    with jax.enable_x64(True):
        exact = jnp.var(jnp.asarray(x, jnp.float64), axis=(0, 1, 2))
    assert jnp.abs(after["var"] * 10 / exact.astype(jnp.float32) - 1).max() <= 1e-5


def test_initial_values_and_names_are_those_of_flax():
    x = jnp.ones((2, 3, 3, 5))
    found = OurNorm(train=True, relu=True).init(jax.random.key(0), x)
    expected = nn.BatchNorm(use_running_average=False).init(jax.random.key(0), x)
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    assert jax.tree.all(jax.tree.map(lambda a, b: (a == b).all(), found, expected))


@pytest.mark.parametrize("channels", [5, 32])
def test_parts_of_the_batch_on_an_axis_are_as_the_whole(channels):
    x, dy, params, statistics = _case((4, 6, 6, channels))
    halves = [z.reshape(2, 2, *z.shape[1:]) for z in (x, dy)]
    norms = [cls(train=True, relu=True, axis_name="device") for cls in (OurNorm, FlaxNorm)]
    found, expected = (
        jax.jit(jax.vmap(partial(_results, norm), in_axes=(0, 0, None, None), axis_name="device"))(
            *halves, params, statistics
        )
        for norm in norms
    )
    _assert_close(found, expected)
    whole = _results(OurNorm(train=True, relu=True), x, dy, params, statistics)
    of_params, dx = found["gradients"]
    _assert_close(dx.reshape(x.shape), whole["gradients"][1])
    _assert_close(jax.tree.map(lambda z: z.sum(0), of_params), whole["gradients"][0])


@with_a_compiler
def test_not_a_number_is_seen():
    x, dy, params, statistics = _case((2, 4, 4, 16))
    x = x.at[1, 2, 3, 5].set(jnp.nan)
    found = _results(OurNorm(train=True, relu=True), x, dy, params, statistics)
    assert jnp.isnan(found["after"]["mean"]).tolist() == [i == 5 for i in range(16)]
    assert jnp.isnan(found["y"][..., 5]).all()
    assert not jnp.isnan(jnp.delete(found["y"], 5, axis=-1)).any()
