"""The 3D networks against PyTorch statements of them, at width 8, and the published names."""

import math

import pytest
import rivals_case
from rivals_case import Case

from dfer_jax.models import create_model

PARAMETERS = {
    "c3d": 78_029_959,
    "hara_resnet18_a": 33_033_671,
    "hara_resnet18_b": 33_207_495,
    "i3d": 12_294_439,
    "mc3_18": 11_493_831,
    "p3d63": 24_939_975,
    "r2plus1d_18": 31_303_716,
    "r3d_18": 33_169_863,
}
WITH_DROPOUT = ("c3d", "i3d", "p3d63")


def _case(name):
    return Case(name, **({"dropout": 0.0} if name in WITH_DROPOUT else {}))


@pytest.mark.parametrize("name", PARAMETERS)
def test_names_shapes_and_number_of_parameters_are_the_published_ones(name):
    found = rivals_case.own(create_model(name))
    assert found == rivals_case.published(name)
    parameters = [shape for key, shape in found.items() if "running_" not in key]
    assert sum(map(math.prod, parameters)) == PARAMETERS[name]


@pytest.mark.parametrize("name", PARAMETERS)
def test_outputs_are_those_of_the_reference_whatever_else_is_in_the_batch(name):
    _case(name).check_evaluation()


def test_loss_and_gradients_are_those_of_the_reference():
    _case("hara_resnet18_b").check_training()
