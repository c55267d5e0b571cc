import numpy as np
import pytest

from dfer_jax.data.clip_index import ClipIndex, carve_validation
from dfer_jax.errors import UserError


def index_of(clip_ids, labels, **more):
    labels = np.asarray(labels, np.int32)
    return ClipIndex(np.array(clip_ids), labels, np.full(len(labels), 9, np.int32), **more)


def test_validation_is_the_last_block_of_each_class():
    rng = np.random.default_rng(0)
    numbers = rng.permutation(200)
    labels = np.where(numbers % 10 == 0, 5, numbers % 3)  # class 5 is rare
    train, val = carve_validation(index_of([f"{n}" for n in numbers], labels), fraction=0.2)
    np.testing.assert_array_equal(np.sort(np.concatenate([train, val])), np.arange(200))
    for label in np.unique(labels):
        kept, held_out = (numbers[part][labels[part] == label] for part in (train, val))
        assert len(held_out) == round(0.2 * (labels == label).sum())
        assert held_out.min() > kept.max()  # as numbers, not as words


def test_validation_shows_unseen_persons():
    persons = np.repeat(np.arange(10, dtype=np.int32), 7)
    index = index_of([f"{i}" for i in range(70)], np.arange(70) % 7, identities=persons)
    train, val = carve_validation(index, fraction=0.3)
    assert set(persons[val]) == {7, 8, 9} and set(persons[train]) == set(range(7))


def test_validation_shows_unseen_groups():
    films = np.repeat([f"film {n}" for n in range(1, 11)], 7)
    index = index_of([f"{i}" for i in range(70)], np.arange(70) % 7, groups=films)
    train, val = carve_validation(index, fraction=0.3)
    assert set(films[val]) == {"film 8", "film 9", "film 10"}  # as numbers, not as words
    assert not set(films[val]) & set(films[train])


def test_a_clip_without_a_group_is_one_of_its_own():
    groups = np.array(["Film a", "film A", "", "", "FILM A", "film b"])
    index = index_of(["x1", "x2", "x3", "x4", "x5", "x6"], [0] * 6, groups=groups)
    train, val = carve_validation(index, fraction=0.5)  # of film a, film b, x3, x4
    assert train.tolist() == [0, 1, 4, 5] and val.tolist() == [2, 3]
    unknown = index_of(["x1", "x2", "x3", "x4"], [0, 0, 1, 1], groups=np.array([""] * 4))
    train, val = carve_validation(unknown, fraction=0.5)  # the last of each class
    assert train.tolist() == [0, 2] and val.tolist() == [1, 3]


def test_rows_are_taken_from_every_column():
    index = index_of(["a", "b", "c"], [0, 1, 2], groups=np.array(["x", "y", "z"]))
    part = index.take(np.array([2, 0]))
    assert part.clip_ids.tolist() == ["c", "a"] and part.groups.tolist() == ["z", "x"]
    assert part.labels.tolist() == [2, 0] and part.identities is None
    assert set(part.columns()) == {"clip_ids", "labels", "num_frames", "groups"}


def test_validation_share_must_make_sense():
    index = index_of(["1", "2", "3"], [0, 1, 2])
    for fraction in (0.0, 1.0, -0.1):
        with pytest.raises(UserError, match="between 0 and 1"):
            carve_validation(index, fraction=fraction)
    with pytest.raises(UserError, match="nothing to validate on"):
        carve_validation(index, fraction=0.4)
