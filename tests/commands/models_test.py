import pytest
import tiny_network
from absl import app

from dfer_jax.commands import models
from dfer_jax.models import MODELS


def test_the_table_has_sizes_and_what_was_published():
    uses = [use for use in models._uses() if use.config in ("synthetic", "video_folder", "dfew")]
    assert list(models._rows(uses)) == [
        ("gca_ial", "18,936,775", "5.62", "55.71", "69.24", "dfew",
         "AAAI 2023, Tables I d, III, IV"),
        ("gca_ial", "595,895", "0.06", "-", "-", "synthetic, video_folder", "-"),
    ]  # fmt: skip


def test_every_network_has_a_config_that_trains_it():
    uses = list(models._uses())
    assert {use.network for use in uses} == set(MODELS) - {tiny_network.NAME}
    assert "base" not in {use.config for use in uses}  # has no data set


def test_it_takes_no_arguments():
    with pytest.raises(app.UsageError, match=r"unexpected arguments \['gca_ial'\]"):
        models.main(["dfer models", "gca_ial"])
