"""Counts against those known by hand or published."""

import pytest
from flax import linen as nn

from dfer_jax.models import create_model, size
from dfer_jax.ops.depthwise import convolve_depthwise

RDFER_INPUT = (1, 64, 112, 112, 3)
LSTM = 2 * 4 * 512 * (512 + 512) + 2 * 4 * 512 * (1024 + 512)  # products per instance
# The public code's count of its networks without LSTMs, and what ours does not have of it.
PUBLIC_GMAC, SAMPLER_GMAC = 34.56, 0.04


def test_counts_of_gca_ial_are_the_documented_ones():
    model, shape = create_model("gca_ial"), (1, 16, 112, 112, 3)
    assert sum(size.count_parameters(model, shape).values()) == 18_936_775
    found = size.count_macs(model, shape)
    assert sum(found.values()) == pytest.approx(5.624e9, rel=1e-4)
    assert found["aux_layer2_fc1"] == 32_768


def test_counts_of_rdfer_agree_with_the_public_code():
    model = create_model("rdfer", synopsis_depth=50)
    found = size.count_macs(model, RDFER_INPUT)
    without_lstm = sum(found.values()) - (16 + 4) * LSTM
    assert without_lstm / 1e9 == pytest.approx(PUBLIC_GMAC - SAMPLER_GMAC, abs=0.01)
    bag = 16 * (LSTM + 1024 * 3072 + 1024 * 7) + 2 * 16 * 16 * 1024 + 16 * 3 * 1024 + 1024 * 7
    assert found["synopsis_bag"] == bag
    assert "network itself" not in found


def test_work_of_the_default_backbones():
    found = size.count_macs(create_model("rdfer"), RDFER_INPUT)
    assert found["synopsis_backbone"] / 1e9 == pytest.approx(7.76, abs=0.01)
    assert found["detail_backbone"] / 1e9 == pytest.approx(17.21, abs=0.01)


class Grouped(nn.Module):
    """Convolutions of 12 channels in 1, 3 and 12 groups, the last as the ops have it."""

    @nn.compact
    def __call__(self, x, *, train):
        x = nn.Conv(12, (3, 3), name="whole")(x)
        x = nn.Conv(12, (3, 3), feature_group_count=3, name="grouped")(x)
        kernel = self.param("kernel", nn.initializers.ones, (3, 3, 1, 12))
        return convolve_depthwise(x, kernel, 2, border=1)


def test_a_grouped_convolution_counts_what_its_groups_see():
    found = size.count_macs(Grouped(), (2, 8, 8, 12))
    places = 2 * 8 * 8
    assert found["whole"] == places * 12 * 9 * 12
    assert found["grouped"] == places * 12 * 9 * 4
    assert found["network itself"] == places // 4 * 12 * 9
