import pytest

from dfer_jax import labels
from dfer_jax.errors import UserError


def test_words_of_the_releases_stand_for_the_canonical_seven():
    aff_wild2 = ["Neutral", "Anger", "Disgust", "Fear", "Happiness", "Sadness", "Surprise"]
    ferv39k = ["Happy", "Sad", "Neutral", "Angry", "Surprise", "Disgust", "Fear"]
    assert [labels.CLASSES.index(labels.canonical_name(n)) for n in aff_wild2] == [
        2, 3, 5, 6, 0, 1, 4,
    ]  # fmt: skip
    assert [labels.canonical_name(name) for name in ferv39k] == list(labels.CLASSES)


def test_unknown_name_suggests_the_closest():
    with pytest.raises(UserError, match="did you mean 'happiness'"):
        labels.canonical_name("hapiness")


@pytest.mark.parametrize("word", ["calm", "contempt", "other"])
def test_other_classes_are_none_of_the_seven(word):
    assert labels.class_name(word.upper()) == word
    with pytest.raises(UserError, match=f"'{word}' is not one of the expressions [a-z, ]+$"):
        labels.canonical_name(word)


@pytest.mark.parametrize("word", ["unhappy", "unhapy", "un-happy", "painless", "displeasure"])
def test_no_hint_inverts_the_meaning(word):
    assert labels.class_name(word) is None
    assert labels.nearest_word(word, ["happy", "happiness", "pain", "pleasure"]) is None


def test_no_hint_between_two_that_are_about_as_near():
    assert labels.nearest_word("pin", ["pain", "pine"]) is None
    assert labels.nearest_word("surprized", ["surprise", "surprised"]) == "surprised"


def test_order_of_classes_is_canonical_then_by_name():
    names = ["pain", "calm", "fear", "no pain", "happiness", "fear"]
    assert labels.in_class_order(names) == ("happiness", "fear", "calm", "no pain", "pain")


def test_label_sets_meet_by_name():
    met = labels.shared_classes(labels.CLASSES, ("angry", "calm", "happy", "neutral"))
    assert met.names == ("happiness", "neutral", "anger")
    assert met.of_data == ("happy", "neutral", "angry")
    assert met.only_model == ("sadness", "surprise", "disgust", "fear")
    assert met.only_data == ("calm",)
    assert not met.are_all


def test_two_names_of_one_meaning_are_not_merged():
    met = labels.shared_classes(("happiness", "fear"), ("happy", "joy", "fear"))
    assert (met.names, met.only_data) == (("fear",), ("happy", "joy"))


def test_the_same_classes_in_another_order_are_the_same():
    met = labels.shared_classes(labels.CLASSES, labels.CLASSES[::-1])
    assert met.are_all
    assert met.names == met.of_data == labels.CLASSES
