import numpy as np
import pytest

from dfer_jax.video.faces.scene_cut import SceneCuts


@pytest.fixture
def scenes():
    rng = np.random.default_rng(0)
    return [
        rng.integers(0, 255, (9, 16, 3)).repeat(16, 0).repeat(16, 1).astype(np.uint8) for _ in "ab"
    ]


def covered(scene, share):
    picture = scene.copy()
    picture[:, : round(share * scene.shape[1])] = (196, 146, 120)
    return picture


def test_a_cut_shows_nothing_of_the_scene_before(scenes):
    cuts = SceneCuts()
    assert [cuts.is_cut(p) for p in (scenes[0], scenes[0], scenes[1])] == [False, False, True]
    assert not cuts.shows(cuts.before)


@pytest.mark.parametrize(("share", "shown"), [(0.5, True), (0.7, True), (1.0, False)])
def test_an_obstacle_leaves_something_of_the_scene(scenes, share, shown):
    cuts = SceneCuts()
    cuts.is_cut(scenes[0])
    cuts.is_cut(covered(scenes[0], share))
    assert cuts.shows(cuts.before) is shown


def test_bars_and_walls_are_no_scene(scenes):
    cuts = SceneCuts()
    wall = np.full((144, 256, 3), 90, np.uint8)
    cuts.is_cut(wall)
    assert not cuts.is_cut(wall) and not cuts.shows(cuts.before)
