"""Former-DFER, NR-DFERNet and M3DFEL against PyTorch, at width 8, and published names."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
import rivals_case
from rivals_case import Case

from dfer_jax.models import create_model
from dfer_jax.models.conv3d.m3dfel import InstanceNormalisation

NEVER_USED = {"nr_dfernet": 4_120}
PARAMETERS = {"former_dfer": 18_031_943, "m3dfel": 46_823_384, "nr_dfernet": 18_723_807}


@pytest.mark.parametrize("name", PARAMETERS)
def test_names_shapes_and_number_of_parameters_are_the_published_ones(name):
    model = create_model(name)
    expected = rivals_case.published(name)
    found = rivals_case.own(model)
    assert found == {key: shape for key, shape in expected.items() if not model.is_unused(key)}
    parameters = [shape for key, shape in found.items() if "running_" not in key]
    assert sum(map(math.prod, parameters)) == PARAMETERS[name] - NEVER_USED.get(name, 0)


def test_former_dfer_is_the_reference_whatever_else_is_in_the_batch():
    Case("former_dfer").check_evaluation()


def test_m3dfel_is_the_reference_whatever_else_is_in_the_batch():
    Case("m3dfel").check_evaluation()


def test_nr_dfernet_is_the_reference_and_its_filter_takes_neutral_away():
    case = Case("nr_dfernet", least_other=0.655)
    logits, out = case.apply(case.variables, case.clips)
    golden = case.golden
    for name, key in (("unfiltered_logits", "logits"), ("features", "features")):
        scale = np.abs(golden[key]).max()
        np.testing.assert_allclose(out[name], golden[key], atol=1e-5 * scale, err_msg=name)
    expected = golden["snippet_logits"]
    np.testing.assert_allclose(out["snippet_logits"], expected, atol=1e-5 * np.abs(expected).max())
    p = np.exp(expected) / np.exp(expected).sum(-1, keepdims=True)
    refused = ((p[..., 2] <= 0.03) & (p.max(-1) > 0.655)).any(1)
    assert 0 < refused.sum() < len(refused), "some clips are filtered, not all"
    filtered = np.where(refused[:, None] & (np.arange(7) == 2), -1000, golden["logits"])
    np.testing.assert_allclose(logits, filtered, atol=1e-5 * np.abs(golden["logits"]).max())


def test_instance_normalisation_against_its_formula_by_hand():
    x = jnp.asarray([[[1.0, 4.0], [3.0, 0.0]]])  # 2 instances of 2 features
    shape = (1, 2, 1)
    params = {
        "weight": jnp.full(shape, 2.0),
        "bias": jnp.full(shape, 1.0),
        "mean_weight": jnp.zeros(2),
        "var_weight": jnp.zeros(2),
    }
    found = InstanceNormalisation().apply({"params": params}, x)
    mean, variance = np.array([2.0, 2.0]), np.array([2.0, 8.0])
    width = (variance + (variance + mean**2).mean() - mean.mean() ** 2) / 2
    expected = 2 * (np.asarray(x[0]) - (mean + mean.mean()) / 2) / np.sqrt(width + 1e-5) + 1
    np.testing.assert_allclose(found[0], expected, rtol=1e-6)
