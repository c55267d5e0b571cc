"""STT, a reconstruction: its size, against PyTorch, and what must hold of any such network."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden.rivals import recipe
from rivals_case import QUICK, Case

from dfer_jax.models import create_model, size
from dfer_jax.training.class_losses import compact_softmax


def test_size_is_the_documented_one():
    shape = (1, 16, 112, 112, 3)
    assert sum(size.count_parameters(create_model("stt"), shape).values()) == 7_012_423


@pytest.fixture(scope="module")
def case():
    return Case("stt", depth=1)


@pytest.fixture(scope="module")
def network(case):
    variables, labels = jax.tree.map(jnp.asarray, (case.variables, recipe.LABELS))

    @functools.partial(jax.jit, compiler_options=QUICK)
    def apply(params, clips):
        def loss_of(params):
            given = variables | {"params": params}
            logits, out = case.model.apply(given, clips, train=False)
            return compact_softmax(logits, labels).sum(), (logits, out["features"])

        return jax.grad(loss_of, has_aux=True)(params)

    return variables["params"], lambda *given: jax.device_get(apply(*given))


def test_the_network_is_its_statement_in_pytorch(case, network):
    params, apply = network
    _, outputs = apply(params, case.clips)
    for name, found in zip(("logits", "features"), outputs, strict=True):
        expected = case.golden[name]
        bound = 1e-5 * np.abs(expected).max()
        np.testing.assert_allclose(found, expected, atol=bound, err_msg=name)


def test_frames_meet_and_have_their_places(case, network):
    params, apply = network
    _, (logits, features) = apply(params, case.clips)
    assert features.shape == (4, 32)
    order = np.array([2, 0, 4, 1, 3])
    _, (shuffled, _) = apply(params, case.clips[:, order])
    assert np.abs(shuffled - logits).max() > 1e-3
    tokens = params["tokens"] | {"frame_embedding": params["tokens"]["frame_embedding"][:, order]}
    _, (again, _) = apply(params | {"tokens": tokens}, case.clips[:, order])
    np.testing.assert_allclose(again, logits, atol=1e-5 * np.abs(logits).max())


def test_a_clip_does_not_depend_on_the_others_and_every_parameter_has_a_gradient(case, network):
    params, apply = network
    grads, (logits, _) = apply(params, case.clips)
    _, (other, _) = apply(params, np.concatenate([case.clips[:1], case.clips[:0:-1] * 0.3]))
    np.testing.assert_allclose(other[0], logits[0], atol=1e-5 * np.abs(logits).max())
    for path, leaf in jax.tree.leaves_with_path(grads):
        assert np.isfinite(leaf).all(), jax.tree_util.keystr(path)
        assert np.abs(leaf).max() > 0, jax.tree_util.keystr(path)
