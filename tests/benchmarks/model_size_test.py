"""The table and its file; the counts themselves are tested in models/size_test.py."""

import json

import pytest
from absl.testing import flagsaver

from benchmarks.speed import model_size
from dfer_jax.errors import UserError


def test_figures_are_printed_and_written(tmp_path, capsys):
    with flagsaver.flagsaver(
        model="cnn_gru", arguments='{"num_layers": 1}', json=str(tmp_path / "size.json")
    ):
        model_size.main(["model_size"])
    figures = json.loads((tmp_path / "size.json").read_text())
    assert figures["parameters"]["gru0"] == 2_658_816
    assert figures["input"] == [1, 9, 112, 112, 3]
    printed = capsys.readouterr().out
    assert "gru0" in printed and "2,658,816" in printed


def test_arguments_that_are_not_json_are_refused():
    with (
        flagsaver.flagsaver(arguments="{"),
        pytest.raises(UserError, match="--arguments is not JSON"),
    ):
        model_size.main(["model_size"])
