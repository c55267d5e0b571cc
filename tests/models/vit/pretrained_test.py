"""MAE-DFER and SVFAP against vectors of the official codes, and their published names."""

import math

import numpy as np
import pretrained_case
import pytest
import rivals_case
from golden.pretrained import recipe

from dfer_jax.models import create_model

PARAMETERS = {  # with 7 and 11 classes
    "mae_dfer": (84_878_343, 84_880_395),
    "svfap_b": (77_635_351, 77_637_403),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_names_shapes_and_number_of_parameters_are_the_published_ones(name):
    expected = rivals_case.published(name)
    assert rivals_case.own(create_model(name)) == expected
    of_seven = sum(map(math.prod, expected.values()))
    assert (of_seven, of_seven + 4 * (512 + 1)) == PARAMETERS[name]


def test_weights_of_the_vectors_are_those_of_their_rule():
    found = recipe.make_tensor("example.weight", (2, 3))
    expected = [-0.2516094, 0.5382238, 0.6625555, -0.6535811, -0.7899308, 0.3398544]
    np.testing.assert_allclose(found.ravel(), expected, atol=1e-7)
    found = recipe.make_tensor("example.bias", (3,))
    np.testing.assert_allclose(found, [-0.0436798, -0.0247891, -0.0406234], atol=1e-7)


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_network_is_the_official_one_whatever_else_is_in_the_batch(name):
    pretrained_case.Case(name).check()
