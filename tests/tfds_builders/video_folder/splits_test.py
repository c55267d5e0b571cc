import collections

import numpy as np
import pytest

from dfer_jax.labels import CLASSES
from tfds_builders.video_folder import splits
from tfds_builders.video_folder.table import Row


def rows_of(clips):
    """Returns rows from (label, group) pairs."""
    return [Row(i + 2, f"{i}.mp4", label, "", group) for i, (label, group) in enumerate(clips)]


def test_without_groups_a_fifth_of_each_class_is_test():
    numbers = dict(zip(CLASSES, (50, 23, 10, 8, 5, 3, 2), strict=True))
    rows = rows_of([(label, "") for label, number in numbers.items() for _ in range(number)])
    division = splits.divide(rows)
    assert len(division) == len(rows)
    test = collections.Counter(
        row.label for row in rows if division[splits.group_of(row)] == "test"
    )
    assert test == {name: round(number / 5) for name, number in numbers.items() if number > 2}


def test_groups_stay_whole_and_classes_keep_their_share():
    rng = np.random.default_rng(0)
    clips = [(CLASSES[rng.integers(7)], f"person {rng.integers(40)}") for _ in range(600)]
    rows = rows_of(clips)
    division = splits.divide(rows)
    assert set(division) == {f"group {group}" for _, group in clips}
    for label in CLASSES:
        of_class = [division[splits.group_of(row)] for row in rows if row.label == label]
        assert 0.12 < of_class.count("test") / len(of_class) < 0.28


def test_the_order_of_the_rows_does_not_matter():
    rows = rows_of([(CLASSES[i % 3], f"p{i % 11}") for i in range(60)])
    assert splits.divide(rows) == splits.divide(rows[::-1])


def test_the_division_does_not_follow_the_order_of_the_names():
    rows = rows_of([("fear", "")] * 100)
    test = [i for i, row in enumerate(rows) if splits.divide(rows)[splits.group_of(row)] == "test"]
    assert len(test) == 20 and min(test) < 20 and max(test) >= 80


def test_case_does_not_make_another_group():
    rows = rows_of([("fear", "Anna"), ("fear", "anna")])
    assert len(splits.divide(rows)) == 1


def test_a_group_in_two_splits_is_told_with_its_lines():
    rows = [
        Row(2, "a", "fear", "train", "Anna"),
        Row(3, "b", "fear", "test", "anna"),
        Row(4, "c", "fear", "train", "anna"),
        Row(5, "d", "fear", "test", "ben"),
        Row(6, "e", "fear", "train", ""),
        Row(7, "f", "fear", "test", ""),
    ]
    assert splits.groups_in_several_splits(rows) == [
        "group 'Anna' is in several splits: train (lines 2, 4), test (lines 3)"
    ]


def counts(**numbers):
    return {name: collections.Counter(labels) for name, labels in numbers.items()}


@pytest.mark.parametrize(
    ("found", "divided", "why"),
    [
        (counts(train={"fear": 3}, test={"fear": 1}), False, "every clip is labelled fear"),
        (counts(train={"fear": 3, "anger": 2}), False, "no row has the split test"),
        (counts(test={"fear": 3, "anger": 2}), False, "no row has the split train"),
        (counts(train={"fear": 3, "anger": 2}), True, "too few groups or clips to set some aside"),
        (
            counts(train={"fear": 3}, test={"anger": 2}),
            False,
            "every training clip is labelled fear",
        ),
    ],
)
def test_clips_that_cannot_be_trained_on(found, divided, why):
    (problem,) = splits.unusable(found, divided=divided)
    assert why in problem


def test_classes_that_only_one_split_has():
    found = counts(train={"fear": 1, "anger": 1}, test={"fear": 1, "sadness": 1})
    assert splits.unusable(found, divided=False) == []
    never_seen, untested = splits.uneven_classes(found)
    assert "no training clip of sadness" in never_seen and "no test clip of anger" in untested
    found = counts(train={"fear": 1}, test={"fear": 1}, validation={"joy": 1, "disgust": 1})
    assert "no training clip of disgust" in splits.uneven_classes(found)[0]
    assert splits.uneven_classes(counts(train={"fear": 1}, test={"fear": 2})) == []


def test_clips_without_group_are_told():
    assert splits.leaks(rows_of([("fear", "a"), ("fear", "b")])) == []
    assert "the table has no group" in splits.leaks(rows_of([("fear", ""), ("fear", "")]))[0]
    (some,) = splits.leaks(rows_of([("fear", "a"), ("fear", "")]))
    assert "1 clips have no group" in some and "line 3: 1.mp4" in some


def test_groups_that_are_the_same_number_are_one():
    rows = rows_of([("fear", group) for group in ("1", "01", "1.0", "2", "1,5", "anna", "")])
    rows, (told,) = splits.equal_numbers_alike(rows)
    assert [row.group for row in rows] == ["1", "1", "1", "2", "1,5", "anna", ""]
    assert told == (
        "1 groups are one number written in several ways (1 = 01 = 1.0) and count as one group "
        "each; if they are different persons, name them by words"
    )
    assert splits.equal_numbers_alike(rows) == (rows, [])
