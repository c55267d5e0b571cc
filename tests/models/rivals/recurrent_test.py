"""CNNs on frames with LSTM, GRU or the mean against PyTorch, at width 8, and published names."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
import rivals_case
from rivals_case import Case

from dfer_jax.models import create_model

PARAMETERS = {
    "dfew_reslstm": 17_388_871,
    "resnet18_gru": 14_331_975,
    "resnet18_lstm": 15_382_599,
    "vgg11_lstm": 13_426_567,
    "vgg13_lstm": 13_611_079,
    "vgg16_lstm": 18_920_775,
}
WITHOUT_RNN = {"resnet18": "resnet18_lstm", "vgg13": "vgg13_lstm", "vgg16": "vgg16_lstm"}


@pytest.mark.parametrize("name", PARAMETERS)
def test_names_shapes_and_number_of_parameters_are_the_published_ones(name):
    found = rivals_case.own(create_model(name))
    assert found == rivals_case.published(name)
    parameters = [shape for key, shape in found.items() if "running_" not in key]
    assert sum(map(math.prod, parameters)) == PARAMETERS[name]


@pytest.mark.parametrize("name", WITHOUT_RNN)
def test_without_rnn_the_names_are_the_others(name):
    expected = rivals_case.published(WITHOUT_RNN[name])
    expected = {key: shape for key, shape in expected.items() if not key.startswith("rnn.")}
    assert rivals_case.own(create_model(name)) == expected


@pytest.mark.parametrize(
    "name", ["dfew_reslstm", "resnet18_gru", "resnet18_lstm", "vgg11_lstm", "vgg13"]
)
def test_outputs_are_those_of_the_reference_whatever_else_is_in_the_batch(name):
    Case(name).check_evaluation()


def test_loss_and_gradients_are_those_of_the_reference():
    Case("vgg11_lstm").check_training()


def test_the_order_of_frames_matters_only_to_what_reads_them_in_order():
    for name, matters in (("resnet18_gru", True), ("vgg13", False)):
        case = Case(name)
        logits, _ = case.apply(case.variables, case.clips)
        turned, _ = case.apply(case.variables, jnp.flip(case.clips, 1))
        assert (np.abs(turned - logits).max() > 1e-3) == matters, name
