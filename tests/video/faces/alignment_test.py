import json
import math

import numpy as np
import pytest

from dfer_jax.errors import UserError
from dfer_jax.video.faces import LIKE, CropSettings, crop_face
from dfer_jax.video.faces.landmarks import LEFT_EYE, MOUTH, NOSE_TIP, RIGHT_EYE
from dfer_jax.video.faces.settings_file import SETTINGS_FILE, read_settings, write_settings

POINTS = {"eyes": ((40, 45), (80, 45)), "nose": (60, 70), "mouth": ((45, 90), (75, 90))}


def landmarks(*, angle=0.0, scale=1.0, middle=(100, 90)):
    """Returns a face 80 wide and 100 high, its points where `POINTS` says, turned and moved."""
    rng = np.random.default_rng(0)
    points = rng.uniform((20, 20), (100, 120), (478, 2))
    points[0], points[2] = (20, 20), (100, 120)
    for eye, place in zip((RIGHT_EYE, LEFT_EYE), POINTS["eyes"], strict=True):
        points[list(eye)] = place
    points[NOSE_TIP], points[list(MOUTH)] = POINTS["nose"], POINTS["mouth"]
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    moved = (points - (60, 70)) @ turn.T * scale + middle
    return np.column_stack([moved, np.zeros(478)]).astype(np.float32)


def picture_with_points(found, *, size=240):
    """Returns a black picture with a blob of its own brightness on eyes, nose and mouth."""
    y, x = np.mgrid[:size, :size] + 0.5
    picture = np.zeros((size, size), np.float32)
    indices = (RIGHT_EYE[0], LEFT_EYE[0], NOSE_TIP, *MOUTH)
    for index, level in zip(indices, (90, 120, 160, 200, 250), strict=True):
        px, py = found[index, :2]
        picture += level * np.exp(-((x - px) ** 2 + (y - py) ** 2) / 18)
    return np.repeat(np.clip(picture, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def brightest(crop):
    """Returns x, y of the five blobs as shares of the side: eyes, nose, mouth."""
    grey = crop[..., 0].astype(float)
    found = []
    for _ in range(5):
        row, column = np.unravel_index(grey.argmax(), grey.shape)
        found.append(((column + 0.5) / len(grey), (row + 0.5) / len(grey)))
        grey[max(0, row - 12) : row + 13, max(0, column - 12) : column + 13] = 0
    mouth_left, mouth_right, nose, left, right = found[1], found[0], found[2], found[3], found[4]
    return np.array([right, left, nose, mouth_left, mouth_right])


@pytest.mark.parametrize("angle", [0.0, 0.5, -0.5])
@pytest.mark.parametrize("settings", [CropSettings(200), LIKE["dfew"], LIKE["aff_wild2"]])
def test_upright_whatever_the_roll(settings, angle):
    straight, turned = landmarks(), landmarks(angle=angle)
    crops = [crop_face(picture_with_points(each), each, settings) for each in (straight, turned)]
    points = [brightest(crop) for crop in crops]
    assert abs(points[1][0, 1] - points[1][1, 1]) < 0.02, "eyes are not level"
    if settings.alignment != "upright":  # the extent of points at random turns with them
        np.testing.assert_allclose(points[1], points[0], atol=0.02)


def test_margin_is_a_share_of_the_extent():
    found = landmarks()
    crop = crop_face(picture_with_points(found), found, CropSettings(280, 0.2, "upright"))
    expected = np.array([[50, 45], [90, 45], [70, 70], [55, 90], [85, 90]]) / 140
    np.testing.assert_allclose(brightest(crop), expected, atol=0.01)


def test_a_box_does_not_turn():
    found = landmarks(angle=0.5)
    points = brightest(crop_face(picture_with_points(found), found, LIKE["vggface2"]))
    slope = np.arctan2(*(points[1] - points[0])[::-1])
    assert slope == pytest.approx(0.5, abs=0.05)


def test_eyes_lie_where_the_release_has_them():
    eyes = np.array([[0.349, 0.285], [0.661, 0.285]])  # of SeetaFace's 256 x 256
    found = landmarks(scale=1.3)
    points = brightest(crop_face(picture_with_points(found), found, LIKE["dfew"]))
    assert np.abs(points[:2] - eyes).max() < 0.06


def test_beyond_the_picture_edges_repeat():
    found = landmarks(middle=(5, 5))
    picture = np.full((60, 60, 3), 77, np.uint8)
    assert (crop_face(picture, found, CropSettings()) == 77).all()


def test_shrinking_averages():
    found = landmarks(scale=8, middle=(500, 500))
    noise = np.random.default_rng(0).integers(0, 255, (1000, 1000, 3), np.uint8)
    crop = crop_face(noise, found, CropSettings(64))
    assert crop.std() < 15, "texture became noise"


@pytest.mark.parametrize("settings", [CropSettings(), *LIKE.values()])
def test_settings_through_a_file(tmp_path, settings):
    assert read_settings(tmp_path) is None
    write_settings(tmp_path, settings)
    assert read_settings(tmp_path) == settings
    assert CropSettings.from_json(json.loads(json.dumps(settings.to_json()))) == settings


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"size": 224}', '{"size": 9, "margin": 0, "alignment": "box", "detector": "a"}',
     '{"size": 64, "margin": NaN, "alignment": "box", "detector": "a"}',
     '{"size": 64, "margin": 0, "alignment": ["box"], "detector": "a"}',
     '{"size": true, "margin": 0, "alignment": "box", "detector": 1}'],
)  # fmt: skip
def test_a_changed_file_is_one_sentence(tmp_path, text):
    (tmp_path / SETTINGS_FILE).write_text(text)
    with pytest.raises(UserError, match=r"crop_settings\.json: .*; delete it if") as error:
        read_settings(tmp_path)
    assert "\n" not in str(error.value)


def test_differences():
    assert CropSettings().differences(CropSettings(size=112)) == []
    found = CropSettings().differences(LIKE["dfew"])
    assert found == ["margin: 0.18, 0.0", "alignment: upright, seetaface"]
