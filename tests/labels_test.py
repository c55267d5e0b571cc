import pytest

from dfer_jax import labels
from dfer_jax.errors import UserError


def test_aff_wild2_order_maps_by_name():
    names = ["Neutral", "Anger", "Disgust", "Fear", "Happiness", "Sadness", "Surprise"]
    assert labels.canonical_indices(names) == [2, 3, 5, 6, 0, 1, 4]


def test_ferv39k_words_map_to_the_dfew_order():
    names = ["Happy", "Sad", "Neutral", "Angry", "Surprise", "Disgust", "Fear"]
    assert labels.canonical_indices(names) == list(range(7))


def test_unknown_name_suggests_the_closest():
    with pytest.raises(UserError, match="did you mean 'happiness'"):
        labels.canonical_name("hapiness")
