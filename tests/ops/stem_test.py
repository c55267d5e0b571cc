"""The stem in one piece against its parts one after the other."""

import shutil
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from random_variables import random_variables

from dfer_jax.ops.cpu import library
from dfer_jax.ops.stem import stem

with_a_compiler = pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler")


class Stem(nn.Module):
    features: int
    dtype: type = jnp.float32

    @nn.compact
    def __call__(self, x, *, train):
        return stem(x, self.features, train=train, dtype=self.dtype, axis_name=None)


def _case(height, width, features):
    x = jnp.asarray(np.random.default_rng(0).random((5, height, width, 3), np.float32))
    return Stem(features), random_variables(Stem(features), x), x


@with_a_compiler
@pytest.mark.parametrize(
    ("height", "width", "features"), [(112, 112, 64), (48, 36, 32), (4, 8, 32), (20, 16, 96)]
)
def test_in_one_piece_it_is_as_in_parts(height, width, features, monkeypatch):
    module, variables, x = _case(height, width, features)
    apply = partial(module.apply, train=False)
    assert "dfer_stem" in str(jax.make_jaxpr(apply)(variables, x))
    found = jax.jit(apply)(variables, x)
    monkeypatch.setattr(library, "takes", lambda *_: False)
    expected = jax.jit(partial(module.apply, train=False))(variables, x)
    assert found.shape == (5, height // 4, width // 4, features)
    assert jnp.abs(found - expected).max() <= 1e-5 * expected.max()


@with_a_compiler
def test_one_map_of_many_is_that_map_alone():
    module, variables, x = _case(48, 48, 32)
    apply = jax.jit(partial(module.apply, train=False))
    assert jnp.array_equal(apply(variables, x)[3:4], apply(variables, x[3:4]))


@pytest.mark.parametrize(
    ("height", "features", "dtype"),
    [(15, 32, jnp.float32), (16, 8, jnp.float32), (16, 32, jnp.bfloat16)],
)
def test_what_does_not_fit_goes_in_parts(height, features, dtype):
    _, variables, x = _case(height, 16, features)
    apply = partial(Stem(features, dtype).apply, train=False)
    assert "dfer_stem" not in str(jax.make_jaxpr(apply)(variables, x))
    assert apply(variables, x).shape == (5, 4, 4, features)


@with_a_compiler
def test_gradients_with_frozen_statistics_are_those_of_the_parts(monkeypatch):
    module, variables, x = _case(16, 16, 32)

    def gradients(variables, x):
        loss = lambda variables, x: jnp.sin(module.apply(variables, x, train=False)).sum()  # noqa: E731
        return jax.grad(loss, argnums=(0, 1))(variables, x)

    found = jax.jit(gradients)(variables, x)
    monkeypatch.setattr(library, "takes", lambda *_: False)
    expected = jax.jit(lambda *inputs: gradients(*inputs))(variables, x)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert jnp.abs(a - b).max() <= 1e-4 * (1e-3 + jnp.abs(b).max())


@with_a_compiler
def test_not_a_number_is_seen():
    module, variables, x = _case(16, 16, 32)
    y = module.apply(variables, x.at[2, 5, 5, 1].set(jnp.nan), train=False)
    assert jnp.isnan(y[2]).any()
    assert not jnp.isnan(jnp.delete(y, 2, axis=0)).any()


def test_training_moves_the_statistics_of_both():
    module, variables, x = _case(16, 16, 8)
    y, after = module.apply(variables, x, train=True, mutable=["batch_stats"])
    assert y.shape == (5, 4, 4, 8)
    for name in ("stem_bn1", "stem_bn2"):
        before = variables["batch_stats"][name]
        assert jnp.abs(after["batch_stats"][name]["mean"] - before["mean"]).max() > 0
