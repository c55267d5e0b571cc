import collections

import pytest

from tfds_builders.ravdess import clips, names
from tfds_builders.ravdess.names import PUBLISHED, identify, parse


def test_the_rule_gives_the_published_counts():
    spoken = [trial for trial in PUBLISHED if trial.channel == 1]
    sung = [trial for trial in PUBLISHED if trial.channel == 2]
    assert (len(spoken), len(sung)) == (1440, 1012)
    assert set(collections.Counter(t.actor for t in spoken).values()) == {60}
    assert set(collections.Counter(t.actor for t in sung).values()) == {44}
    assert 18 not in {trial.actor for trial in sung}
    assert collections.Counter(trial.label for trial in spoken) == {
        "neutral": 96, **dict.fromkeys((n for n in names.EMOTIONS if n != "neutral"), 192),
    }  # fmt: skip
    assert collections.Counter(trial.label for trial in sung) == {
        "neutral": 92, **dict.fromkeys(("calm", "happiness", "sadness", "anger", "fear"), 184),
    }  # fmt: skip


def test_folds_are_four_actors_each_and_share_none():
    assert names.FOLDS["fd1"] == (1, 2, 3, 4) and names.FOLDS["fd6"] == (21, 22, 23, 24)
    actors = [actor for fold in names.FOLDS.values() for actor in fold]
    assert sorted(actors) == list(range(1, 25))
    for trial in PUBLISHED:
        assert trial.actor in names.FOLDS[trial.split]


def test_classes_and_published_counts_of_each_configuration():
    assert clips.class_names("speech") == (
        "happiness", "sadness", "neutral", "anger", "surprise", "disgust", "fear", "calm",
    )  # fmt: skip
    assert clips.class_names("song") == (
        "happiness", "sadness", "neutral", "anger", "fear", "calm",
    )  # fmt: skip
    assert set(clips.expected("speech").values()) == {(32, 32, 16, 32, 32, 32, 32, 32)}
    assert clips.expected("song")["fd5"] == (24, 24, 12, 24, 24, 24)
    totals = {config: sum(map(sum, clips.expected(config).values())) for config in clips.CONFIGS}
    assert totals == {"speech": 1440, "song": 1012, "all": 2452}


def test_a_name_and_back():
    modality, trial, wrong = parse("02-01-06-01-02-01-12")
    assert (modality, trial.label, trial.split, wrong) == (2, "fear", "fd3", "")
    assert trial.name(1) == "01-01-06-01-02-01-12"


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("04-01-06-01-02-01-12", "modality 04 is not one of 01..03"),
        ("02-03-06-01-02-01-12", "vocal channel 03 is not one of 01..02"),
        ("02-01-09-01-02-01-12", "emotion 09 is not one of 01..08"),
        ("02-01-06-01-02-01-25", "actor 25 is not one of 01..24"),
        ("02-01-01-02-02-01-12", "RAVDESS has no such trial"),  # neutral is never strong
        ("02-02-07-01-02-01-12", "RAVDESS has no such trial"),  # disgust was not sung
        ("02-02-06-01-02-01-18", "RAVDESS has no such trial"),  # actor 18 did not sing
    ],
)
def test_wrong_names_say_which_field(name, wrong):
    assert parse(name)[2] == wrong


@pytest.mark.parametrize(
    "stem", ["02-01-06-01-02-01", "02-01-06-01-02-01-12_facecroppad", "2-1-6-1-2-1-12", "x"]
)
def test_other_names_are_none(stem):
    assert identify(stem) is None
