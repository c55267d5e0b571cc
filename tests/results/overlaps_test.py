import pytest

from dfer_jax.results.overlaps import seen_before


@pytest.mark.parametrize(
    ("trained_on", "tested_on", "said"),
    [
        ("dfew/full", "mafw/single", "MAFW holds 1,097 clips of DFEW"),
        ("mafw/seven", "dfew/full", "MAFW holds 1,097 clips of DFEW"),
        ("DFEW", "mafw/single", "1,097 clips of DFEW"),  # imported weights
        ("mafw/single", "mafw/compound", "2,352 of the 8,996 clips"),
        ("mafw/compound_clips", "mafw/seven", "2,352 of the 8,996 clips"),
        ("mafw/single", "mafw/seven_clips", None),
        ("mafw/single", "cremad/asked", None),
        ("dfew/full", "dfew/f16", None),
    ],
)
def test_data_sets_that_share_clips(trained_on, tested_on, said):
    sentence = seen_before(trained_on, tested_on)
    assert said in sentence if said else sentence == ""
