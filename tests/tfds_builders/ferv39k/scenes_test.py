import pytest

from dfer_jax.labels import CLASSES, canonical_name
from tfds_builders.ferv39k import scenes


def test_counts_are_those_of_the_release():
    assert len(scenes.SCENES) == 22
    assert scenes.expected() == {
        "train": (5854, 5523, 7790, 5906, 2502, 1833, 1680),
        "test": (1473, 1393, 1958, 1487, 638, 467, 431),
    }
    assert [sum(row) for row in scenes.expected().values()] == [31088, 7847]
    assert scenes.expected(["Experiment"]) == {
        "train": (136, 8, 215, 32, 28, 8, 16),
        "test": (34, 3, 54, 8, 8, 2, 4),
    }


@pytest.mark.parametrize("scene", scenes.SCENES)
def test_a_fifth_of_each_class_of_a_scene_is_for_testing(scene):
    for train, test in zip(*scenes.COUNTS[scene], strict=True):
        assert abs(test - (train + test) / 5) <= 1


def test_words_are_in_the_order_of_the_classes():
    assert tuple(map(canonical_name, scenes.WORDS)) == CLASSES


def test_table_shows_what_is_expected_only_where_it_differs():
    counts = {
        scene: {split: list(row) for split, row in scenes.expected([scene]).items()}
        for scene in scenes.SCENES
    }
    lines = scenes.table(counts).splitlines()
    assert len(lines) == 24 and "(" not in "".join(lines)
    cells = " ".join(lines[2].split())
    assert cells == "Action 640+164 640+164 276+70 54+14 163+41 43+11 48+13 30+8 26+7"
    counts["War"]["train"][1] -= 1
    lines = scenes.table(counts).splitlines()
    assert lines[-1].split()[:6] == [
        "War",
        "1962+493",
        "1963+493",
        "227+57",
        "479+120",
        "(480+120)",
    ]
    assert "(" not in "".join(lines[1:-1])
    assert len({len(line) for line in lines[1:]}) == 1
