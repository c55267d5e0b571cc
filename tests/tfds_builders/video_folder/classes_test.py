import itertools

import pytest

from dfer_jax.errors import UserError
from dfer_jax.labels import CLASSES
from tfds_builders.video_folder.classes import label_rows, require_classes
from tfds_builders.video_folder.table import Row


def of(*words, stated=(), **counts):
    """Labels rows of the words, one of each, and of the words of `counts`, that many."""
    several = [word for word, number in counts.items() for _ in range(number)]
    rows = [Row(at + 2, f"{at}.mp4", word, "", "") for at, word in enumerate((*words, *several))]
    return label_rows(rows, table="labels.csv", stated=stated)


def labels(labelled):
    return [row.label for row in labelled.rows]


def is_plain(labelled):
    return not (labelled.problems or labelled.warnings or labelled.notes or labelled.words)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("no pain", "pain"), ("no pain", "pain")),
        (("unhappy", "happy"), ("happy", "unhappy")),
        (("zeal", "calm", "fear", "neutral", "awe"), ("neutral", "fear", "calm", "awe", "zeal")),
        ((*CLASSES, "contempt"), (*CLASSES, "contempt")),
        (tuple(f"class {number}" for number in range(50)), None),
        (("0 (none)", "1 (some)"), ("0 (none)", "1 (some)")),
        (("typical", "atypical"), ("atypical", "typical")),
        (("with smile", "without smile"), ("with smile", "without smile")),
    ],
)
def test_the_words_are_the_classes(words, names):
    for order in itertools.islice(itertools.permutations(words), 5):
        labelled = of(*order)
        assert is_plain(labelled) and labels(labelled) == list(order)
        assert labelled.names == (names or tuple(sorted(words)))


def test_synonyms_are_one_class_where_all_are_of_the_seven_and_it_is_told():
    labelled = of("Happy", "joy", "sad", "happiness", "fear")
    assert labelled.names == ("happiness", "sadness", "fear")
    assert labels(labelled) == ["happiness", "happiness", "sadness", "happiness", "fear"]
    assert labelled.notes == [
        "Labels of labels.csv are counted by their meaning: Happy, joy as happiness; sad as "
        "sadness."
    ]
    assert labelled.words == {"Happy": "happiness", "joy": "happiness", "sad": "sadness"}


def test_calm_and_neutral_stay_two():
    assert of("calm", "neutral", "happy").names == ("neutral", "calm", "happy")


def test_synonyms_stay_apart_beside_other_classes_and_it_is_told():
    labelled = of("happy", "joy", "contempt")
    assert labelled.names == ("contempt", "happy", "joy") and not labelled.notes
    assert labelled.warnings == [
        "labels.csv: happy and joy mean the same and are counted as 2 classes, because not all "
        "classes are of the seven; to count them as one, state the classes by --classes with one "
        "of them"
    ]


def test_upper_and_lower_case_are_one_class():
    labelled = of("Pain", "none", "Contempt", pain=2)
    assert labelled.names == ("contempt", "none", "pain")
    assert labelled.notes == [
        "Labels of labels.csv are counted by their meaning: Contempt as contempt; Pain as pain."
    ]


def test_stated_classes_keep_their_order_and_fold_synonyms():
    labelled = of("happy", "PAIN", "joy", stated=("pain", "happiness", "fear"))
    assert labelled.names == ("pain", "happiness", "fear")
    assert labels(labelled) == ["happiness", "pain", "happiness"]
    assert labelled.notes == [
        "Labels of labels.csv are counted by their meaning: PAIN as pain; happy, joy as happiness."
    ]
    assert labelled.warnings == ["labels.csv: no clip is labelled fear"]


def test_a_word_that_is_not_stated_is_a_problem():
    labelled = of("calm", "neutral", "calm", "happy", stated=("neutral", "happiness"))
    assert labelled.problems == [
        "labels.csv, lines 2, 4: label 'calm' is not one of the classes stated, neutral, happiness"
    ]
    assert labels(labelled) == ["neutral", "happiness"]


@pytest.mark.parametrize(
    ("word", "rest", "near"),
    [
        ("hapy", {"happy": 1, "sad": 1}, "happy"),
        ("suprise", {"fear": 3}, "surprise"),
        ("pian none", {"pain none": 10, "pain": 10}, None),
        ("neutrall", {"neutral": 30, "calm": 30}, "neutral"),
        ("contemp", {"contempt": 30, "pain": 5}, "contempt"),
        ("exited", {"excited": 12, "bored": 12}, "excited"),
        ("exited", {"excited": 9, "bored": 12}, None),
        ("unhappy", {"happy": 99}, None),
        ("unhapy", {"happy": 99}, None),
        ("inactive", {"active": 99}, None),
        ("atypical", {"typical": 99}, None),
        ("without pain", {"with pain": 99}, None),
        ("nonverbal", {"verbal": 99}, None),
        ("level 2", {"level 1": 99}, None),
        ("mad", {"sad": 99}, None),
        ("paln", {"pain": 99, "palm": 99}, None),
    ],
)
def test_a_slip_of_the_pen_is_asked_about_never_mended_or_inverted(word, rest, near):
    labelled = of(word, **rest)
    if near:
        assert labelled.problems == [
            f"labels.csv, line 2: label {word!r} is close to {near!r}; mend it, or state all "
            "classes by --classes if it is one"
        ]
        assert of(word, **rest, stated=(word, *rest)).problems == []
    else:
        assert labelled.problems == [] and word in labelled.names


def test_numbers_are_no_names_unless_stated():
    labelled = of("0", "1", "0", "1", "-1.0")
    assert labelled.problems == [
        "labels.csv, line 6: the label is the number -1.0; write the names of the classes, or "
        "state them as names, as by --classes -1.0,0,1",
        "labels.csv, lines 2, 4: the label is the number 0; write the names of the classes, or "
        "state them as names, as by --classes -1.0,0,1",
        "labels.csv, lines 3, 5: the label is the number 1; write the names of the classes, or "
        "state them as names, as by --classes -1.0,0,1",
    ]
    assert labels(of("0", "1", stated=("1", "0"))) == ["0", "1"]


@pytest.mark.parametrize(
    ("stated", "why"),
    [
        (["pain"], "--classes pain: give two classes or more"),
        (["pain", ""], "give two classes or more"),
        (["pain", " Pain"], "--classes names 'pain' twice"),
    ],
)
def test_what_cannot_be_stated(stated, why):
    with pytest.raises(UserError, match=why):
        require_classes(stated)


def test_stated_classes_are_read_as_those_of_tables():
    assert require_classes(["a\u200b  b", "e\u0301"]) == ("a b", "\u00e9")
