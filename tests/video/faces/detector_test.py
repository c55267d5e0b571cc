import itertools

import cv2
import numpy as np
import pytest
from face_videos import face_model

from benchmarks.video import pasted_faces
from dfer_jax.video.faces import FaceTracker
from dfer_jax.video.faces.detector import FaceDetector, _stretches
from dfer_jax.video.faces.model_file import read_networks


@pytest.mark.parametrize(
    ("length", "side", "number"), [(640, 320, 3), (360, 320, 1), (100, 320, 1), (1280, 256, 7)]
)
def test_squares_cover_a_length_and_overlap(length, side, number):
    found = _stretches(length, side)
    assert len(found) == number and found[0][0] == 0 and found[-1][1] == length
    for (_, end), (start, _) in itertools.pairwise(found):
        assert end - start >= 0.29 * side, "a face on a border is in neither"


def test_keypoints_and_box_are_on_the_face():
    detector = FaceDetector(read_networks(face_model())[0])
    picture, truth = pasted_faces.paste(1, size=150, roll=0)
    (found,) = detector.find(picture)
    apart = np.linalg.norm(truth.eyes[0] - truth.eyes[1])
    assert np.linalg.norm(found.keypoints[:2] - truth.eyes, axis=1).max() < 0.3 * apart
    assert found.box[0] < truth.eyes[0, 0] < truth.eyes[1, 0] < found.box[0] + found.box[2]
    assert found.score > 0.5


@pytest.mark.parametrize(("shape", "size"), [((360, 640), 45), ((720, 1280), 60)])
def test_small_faces_are_found_at_once(shape, size):
    tracker = FaceTracker(face_model())
    scene = cv2.resize(pasted_faces.make_scene(np.random.default_rng(5)), shape[::-1])
    centre = (0.8 * shape[1], 0.3 * shape[0])
    drawn, truth = pasted_faces.put(
        scene, pasted_faces.draw_head(1, roll=0), size=size, centre=centre
    )
    faces = tracker(pasted_faces.as_picture(drawn))
    assert [pasted_faces.score([face], truth)["recall"] for face in faces] == [1.0]


def test_nothing_in_a_picture_of_one_pixel_or_one_colour():
    tracker = FaceTracker(face_model())
    for shape in ((1, 1, 3), (1, 500, 3), (700, 3, 3), (128, 128, 3)):
        tracker.reset()
        assert tracker(np.full(shape, 200, np.uint8)) == []
