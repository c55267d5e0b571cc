"""STT, a reconstruction without a reference: its size, and what must hold of any such network."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_variables import random_variables
from rivals_case import QUICK

from dfer_jax.models import create_model, size
from dfer_jax.training.class_losses import compact_softmax

CLIPS = np.random.default_rng(0).uniform(size=(3, 4, 32, 32, 3)).astype(np.float32)
LABELS = jnp.array([0, 3, 6])


def test_size_is_the_documented_one():
    shape = (1, 16, 112, 112, 3)
    assert sum(size.count_parameters(create_model("stt"), shape).values()) == 7_012_423


@pytest.fixture(scope="module")
def network():
    model = create_model("stt", width=8, num_frames=4, image_size=32, depth=1)
    variables = random_variables(model, CLIPS[:1])

    @functools.partial(jax.jit, compiler_options=QUICK)
    def apply(params, clips):
        def loss_of(params):
            logits, out = model.apply(variables | {"params": params}, clips, train=False)
            return compact_softmax(logits, LABELS).sum(), (logits, out["features"])

        return jax.grad(loss_of, has_aux=True)(params)

    return variables["params"], lambda *given: jax.device_get(apply(*given))


def test_frames_meet_and_have_their_places(network):
    params, apply = network
    _, (logits, features) = apply(params, CLIPS)
    assert features.shape == (3, 32)
    order = np.array([2, 0, 3, 1])
    _, (shuffled, _) = apply(params, CLIPS[:, order])
    assert np.abs(shuffled - logits).max() > 1e-3
    tokens = params["tokens"] | {"frame_embedding": params["tokens"]["frame_embedding"][:, order]}
    _, (again, _) = apply(params | {"tokens": tokens}, CLIPS[:, order])
    np.testing.assert_allclose(again, logits, atol=1e-5 * np.abs(logits).max())


def test_a_clip_does_not_depend_on_the_others_and_every_parameter_has_a_gradient(network):
    params, apply = network
    grads, (logits, _) = apply(params, CLIPS)
    _, (other, _) = apply(params, np.concatenate([CLIPS[:1], CLIPS[:0:-1] * 0.3]))
    np.testing.assert_allclose(other[0], logits[0], atol=1e-5 * np.abs(logits).max())
    for path, leaf in jax.tree.leaves_with_path(grads):
        assert np.isfinite(leaf).all(), jax.tree_util.keystr(path)
        assert np.abs(leaf).max() > 0, jax.tree_util.keystr(path)
