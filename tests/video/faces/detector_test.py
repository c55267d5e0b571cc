import itertools

import cv2
import numpy as np
import pytest
from face_videos import face_model

from benchmarks.video import pasted_faces
from dfer_jax.video.faces import FaceTracker
from dfer_jax.video.faces.detector import FaceDetector, _anchors, _merged, _stretches
from dfer_jax.video.faces.model_file import read_networks


@pytest.mark.parametrize(
    ("length", "side", "number"), [(640, 320, 3), (360, 320, 1), (100, 320, 1), (1280, 256, 7)]
)
def test_squares_cover_a_length_and_overlap(length, side, number):
    found = _stretches(length, side)
    assert len(found) == number and found[0][0] == 0 and found[-1][1] == length
    for (_, end), (start, _) in itertools.pairwise(found):
        assert end - start >= 0.29 * side, "a face on a border is in neither"


def test_anchors_are_two_grids_in_row_order():
    # Anchors 0, 1: first cell of the 16x16 grid; 2: the next in x; 512: first of the 8x8 grid.
    wanted = {0: (4, 4), 1: (4, 4), 2: (12, 4), 32: (4, 12), 512: (8, 8), 518: (24, 8)}
    for anchor, centre in wanted.items():
        np.testing.assert_allclose(_anchors()[anchor] * 128, centre)


def test_near_candidates_are_averaged_by_score_and_far_ones_are_other_faces():
    boxes = {
        (24, 32): (30, 0.5),
        (34, 32): (36, 1.0),
        (110, 110): (16, 0.73),
    }  # centre: size, score
    points = np.zeros((3, 8, 2))
    for row, (centre, (size, _)) in zip(points, boxes.items(), strict=True):
        row[:], row[0], row[1] = centre, np.array(centre) - size / 2, np.array(centre) + size / 2
    first, second = _merged(points, np.array([score for _, score in boxes.values()]))
    assert first.centre == pytest.approx(((24 + 2 * 34) / 3, 32))
    assert first.box[2:] == pytest.approx((34, 34)) and first.score == 1.0
    assert second.box == pytest.approx((102, 102, 16, 16)) and second.score == 0.73
    assert _merged(np.zeros((0, 8, 2)), np.zeros(0)) == []


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


def test_a_small_face_that_was_hidden_is_found_at_once():
    tracker = FaceTracker(face_model())
    scene = pasted_faces.make_scene(np.random.default_rng(5))
    head = pasted_faces.draw_head(1, roll=0)
    numbers = []
    for index in range(8):
        drawn, _ = pasted_faces.put(scene, head, size=50, centre=(450.0 + 2 * index, 120.0))
        shown = scene if index in (3, 4) else drawn
        numbers.append([face.track for face in tracker(pasted_faces.as_picture(shown))])
    assert numbers == [[0]] * 3 + [[]] * 2 + [[0]] * 3


def test_nothing_in_a_picture_of_one_pixel_or_one_colour():
    tracker = FaceTracker(face_model())
    for shape in ((1, 1, 3), (1, 500, 3), (700, 3, 3), (128, 128, 3)):
        tracker.reset()
        assert tracker(np.full(shape, 200, np.uint8)) == []
