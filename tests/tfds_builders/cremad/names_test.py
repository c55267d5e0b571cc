import collections

import pytest

from tfds_builders.cremad import clips, names
from tfds_builders.cremad.names import BROKEN, PUBLISHED, identify, parse


def test_the_rule_gives_the_published_counts():
    assert len(PUBLISHED) == 7442
    emotions = collections.Counter(take.emotion for take in PUBLISHED)
    assert emotions == {"NEU": 1087, **dict.fromkeys(("ANG", "DIS", "FEA", "HAP", "SAD"), 1271)}
    actors = collections.Counter(take.actor for take in PUBLISHED)
    assert {actor: n for actor, n in actors.items() if n != 82} == {
        1002: 81, 1076: 81, 1008: 76, 1009: 76, 1019: 76,
    }  # fmt: skip
    levels = collections.Counter(take.intensity for take in PUBLISHED if take.sentence == "IEO")
    assert levels == {"LO": 455, "MD": 455, "HI": 455, "XX": 91}


def test_folds_are_by_actor_and_have_the_published_sizes():
    actors = [actor for fold in names.FOLDS.values() for actor in fold]
    assert sorted(actors) == list(range(1001, 1092))
    assert [fold[0] for fold in names.FOLDS.values()] == [1001, 1019, 1037, 1055, 1073]
    sizes = collections.Counter(take.split for take in PUBLISHED)
    assert [sizes[split] for split in names.FOLDS] == [1463, 1470, 1476, 1476, 1557]
    assert all(take.actor in names.FOLDS[take.split] for take in PUBLISHED)


def test_published_counts_are_without_the_broken_four():
    assert clips.CLASS_NAMES == ("happiness", "sadness", "neutral", "anger", "disgust", "fear")
    sizes = [sum(row) for row in clips.expected().values()]
    assert sizes == [1463, 1470, 1476, 1474, 1555] and sum(sizes) == 7442 - len(BROKEN)


@pytest.mark.parametrize(
    ("stem", "clip_id"),
    [
        ("1001_DFA_ANG_XX", "1001_DFA_ANG_XX"),
        ("1001_dfa_ang_xx", "1001_DFA_ANG_XX"),
        ("1040_ITH_SAD_X", "1040_ITH_SAD_XX"),
        ("1001_IEO_ANG_LO", "1001_IEO_ANG_LO"),
        ("1001_DFA_ANG", None),
        ("1001_DFA_ANG_XX_crop", None),
        ("frame_det_00_000001", None),
    ],
)
def test_names(stem, clip_id):
    assert identify(stem) == clip_id


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("1092_DFA_ANG_XX", "actor 1092 is not one of 1001..1091"),
        ("1001_ABC_ANG_XX", "sentence ABC is not one of IEO, TIE"),
        ("1001_DFA_SUR_XX", "emotion SUR is not one of ANG, DIS, FEA, HAP, NEU, SAD"),
        ("1001_DFA_ANG_HI", "CREMA-D has no such clip"),  # only IEO has levels
        ("1008_WSI_ANG_XX", "CREMA-D has no such clip"),
    ],
)
def test_wrong_names_say_what(name, wrong):
    assert parse(name)[1].startswith(wrong)
