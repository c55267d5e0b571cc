import pytest

from dfer_jax.runs.evaluation_files import stem


@pytest.mark.parametrize(
    ("trained_on", "dataset", "name"),
    [
        ("dfew/full", "dfew/full", "fd1"),
        ("DFEW", "dfew/full", "fd1"),  # imported weights
        ("cremad/asked", "cremad/seen", "cremad-seen@fd1"),
        ("mafw/single", "mafw/compound", "mafw-compound@fd1"),
        ("dfew/full", "cremad/asked", "cremad-asked@fd1"),
    ],
)
def test_scores_on_other_clips_or_labels_never_take_the_place_of_a_runs_own(
    trained_on, dataset, name
):
    assert stem({"trained_on": trained_on, "dataset": dataset, "split": "fd1"}) == name
