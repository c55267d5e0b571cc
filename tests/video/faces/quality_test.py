import cv2
import numpy as np
import pytest
from face_videos import face_model

from benchmarks.video import pasted_faces
from dfer_jax.video.faces import FaceTracker
from dfer_jax.video.faces.landmarks import CHEEKS, CHIN, FOREHEAD, LEFT_EYE, RIGHT_EYE
from dfer_jax.video.faces.quality import pose


def judged(change=lambda picture: picture, *, number=0, size=150):
    picture, truth = pasted_faces.paste(number, size=size, roll=0)
    (face,) = FaceTracker(face_model())(change(picture))
    return face.quality, truth


def test_blur():
    sharp, _ = judged()
    soft, _ = judged(lambda picture: cv2.GaussianBlur(picture, (0, 0), 3))
    small, _ = judged(size=70)
    dark, _ = judged(lambda picture: picture // 3)
    assert 0 < sharp.blur + 0.1 < soft.blur < 1
    assert sharp.blur < small.blur, "a small face has less detail"
    assert abs(dark.blur - sharp.blur) < 0.05, "darkness is no blur"


def test_size_and_confidence():
    quality, truth = judged(size=150)
    assert quality.size_px == pytest.approx(truth.box[2:].max(), rel=0.15)
    assert 0.9 < quality.confidence <= 1


def test_looking_left_and_right_up_and_down():
    found, true = [], []
    for number in range(8):
        quality, truth = judged(number=number)
        found.append((quality.yaw, quality.pitch))
        true.append(truth.pose[:2])
    for axis, name in enumerate(("yaw", "pitch")):
        values = np.array(found)[:, axis], np.array(true)[:, axis]
        assert np.corrcoef(*values)[0, 1] > 0.8, name


@pytest.mark.parametrize(
    ("across", "down", "expected"),
    [
        ((1, 0, 0), (0, 1, 0), (0, 0, 0)),
        ((0.8, 0, 0.6), (0, 1, 0), (36.87, 0, 0)),  # to the picture's right
        ((1, 0, 0), (0, 0.8, 0.6), (0, 36.87, 0)),  # downwards: the chin is farther away
        ((0.8, 0.6, 0), (-0.6, 0.8, 0), (0, 0, 36.87)),  # clockwise
    ],
)
def test_pose_of_directions(across, down, expected):
    landmarks = np.zeros((478, 3), np.float32)
    for index in (LEFT_EYE[1], CHEEKS[1]):
        landmarks[index] = across
    for index in (RIGHT_EYE[0], CHEEKS[0]):
        landmarks[index] = -np.array(across)
    landmarks[CHIN], landmarks[FOREHEAD] = down, -np.array(down)
    np.testing.assert_allclose(pose(landmarks), expected, atol=0.01)
