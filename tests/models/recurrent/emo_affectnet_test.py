"""EMO-AffectNet against vectors of the released network at its full size, and published names."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import rivals_case
from golden.pretrained import recipe

from dfer_jax.errors import UserError
from dfer_jax.interop import by_name
from dfer_jax.models import create_model

GOLDEN = recipe.read("emo_affectnet")
STATIC, LSTM = (rivals_case.published(f"emo_affectnet_{part}") for part in ("static", "lstm"))


@pytest.fixture(scope="module")
def variables():
    tensors = recipe.make_tensors(STATIC | LSTM)
    tensors["conv_layer_s2_same.weight"] *= np.float32(0.01)
    return by_name.from_state_dict(tensors, model=create_model("emo_affectnet"))


def _pictures(*, count):
    """RGB in [0, 1] for the vectors' BGR."""
    noise = recipe.make_noise("input", (2, 224, 224, 3))[:count]
    return jnp.asarray(0.5 + noise[..., ::-1], jnp.float32)


def _of_lstm(variables):
    parts = {name: variables["params"][name] for name in ("lstm1", "lstm2", "fc")}
    return {"params": jax.tree.map(jnp.asarray, parts)}


def test_names_shapes_and_numbers_of_parameters_are_the_published_ones():
    assert rivals_case.own(create_model("emo_affectnet")) == STATIC | LSTM
    static = rivals_case.own(create_model("emo_affectnet_static", image_size=32))
    assert static == STATIC
    sizes = [
        sum(math.prod(shape) for name, shape in names.items() if "running_" not in name)
        for names in (STATIC, LSTM)
    ]
    assert sizes == [24_560_711, 2_891_527]


def test_frames_are_read_as_by_the_released_static_network(variables):
    model = create_model("emo_affectnet", num_frames=1)
    apply = jax.jit(lambda v, x: model.apply(v, x, train=False), compiler_options=rivals_case.QUICK)
    logits, out = apply(variables, _pictures(count=1)[None])
    np.testing.assert_allclose(out["frame_logits"][0], GOLDEN["static_logits"][:1], atol=1e-5)
    expected = np.maximum(GOLDEN["static_fc1_first8_before_relu"][:1], 0)
    np.testing.assert_allclose(out["frame_features"][0, :, :8], expected, atol=1e-5)
    again, _ = model.apply(_of_lstm(variables), out["frame_features"], train=False)
    np.testing.assert_allclose(again, logits, atol=1e-5, err_msg="of features alone")


def test_the_lstm_is_the_released_one(variables):
    model = create_model("emo_affectnet")
    features = jnp.maximum(jnp.asarray(0.1 + recipe.make_noise("input", (2, 10, 512))), 0)
    logits, _ = model.apply(_of_lstm(variables), features, train=False)
    found = np.asarray(jax.nn.softmax(logits))
    np.testing.assert_allclose(found, GOLDEN["lstm_probabilities"], atol=1e-6)
    with pytest.raises(UserError, match=r"takes 10 frames' features of width 512, not \(2, 9, 512"):
        model.apply(_of_lstm(variables), features[:, :9], train=False)
