"""The plan of the claims' runs: real fields, one folder each, right starting weights."""

import ast
import contextlib

import pytest

from benchmarks.claims.claim_plan import peak_between, runs_of
from configs import synthetic


@pytest.mark.parametrize("claim", "abcde")
def test_every_flag_sets_a_field_of_the_config(claim):
    for run in runs_of(claim, "1").values():
        for one in (run, run.after):
            config = synthetic.get_config().copy_and_resolve_references()
            for flag in one.flags:
                field, value = flag.split("=", 1)
                with contextlib.suppress(ValueError, SyntaxError):  # a string stays one
                    value = ast.literal_eval(value)
                config.update_from_flattened_dict({field: value})
            assert config.seed == 1


def test_runs_of_one_claim_differ_and_have_their_own_folders():
    runs = [run for claim in "abcd" for run in runs_of(claim, "0").values()]
    assert len({run.flags for run in runs}) == len({run.name for run in runs})
    assert {run.name for run in runs_of("e", "0").values()} < {r.name for r in runs}


def test_a_run_starts_from_a_network_like_its_own():
    for claim in "abcde":
        for run in runs_of(claim, "0").values():
            own, start = (
                {f for f in one.flags if f.startswith("model.")} for one in (run, run.after)
            )
            assert own - {"model.reduction=16"} == start - {"model.reduction=16"}


def test_recall_by_intensity_counts_clips_with_an_expression():
    rows = [
        {"label": "fear", "prediction": "fear", "peak_intensity": 0.2},
        {"label": "fear", "prediction": "anger", "peak_intensity": 0.3},
        {"label": "fear", "prediction": "anger", "peak_intensity": 0.5},
        {"label": "neutral", "prediction": "fear", "peak_intensity": 0.0},
    ]
    assert peak_between(0, 1 / 3)({"predictions": rows}) == 0.5
