"""Tests of `benchmarks.proofs.face_crops` on geometry that is known by construction."""

import cv2
import numpy as np
import pytest

from benchmarks.proofs import face_crops
from dfer_jax.errors import UserError


def raw_output(faces):
    """Detector output with `(anchor, offset, size, logit)` candidates; the rest score nothing."""
    regressors = np.zeros((896, 16), np.float32)
    scores = np.full(896, -200.0, np.float32)
    for anchor, offset, size, logit in faces:
        regressors[anchor] = [*offset, *size, *(list(offset) * 6)]
        scores[anchor] = logit
    return regressors, scores


def test_anchors_are_two_grids_in_row_order():
    # Anchors 0, 1: first cell of the 16x16 grid; 2: the next in x; 512: first of the 8x8 grid.
    wanted = {0: (4, 4), 1: (4, 4), 2: (12, 4), 32: (4, 12), 512: (8, 8), 518: (24, 8)}
    for anchor, centre in wanted.items():
        (face,) = face_crops.decode_faces(*raw_output([(anchor, (0, 0), (20, 20), 3.0)]))
        np.testing.assert_allclose(face.box, [*centre, 20, 20])


def test_near_candidates_are_averaged_by_score_and_far_ones_are_other_faces():
    near = [(0, (20, 20), (30, 30), 0.0), (0 + 2, (20, 20), (36, 36), 1000.0)]
    far = [(895, (-10, -10), (16, 16), 1.0), (400, (0, 0), (40, 40), -0.1)]
    first, second = face_crops.decode_faces(*raw_output(near + far))
    weights = np.array([0.5, 1.0]) / 1.5
    np.testing.assert_allclose(first.box[0], weights @ [24, 32])
    np.testing.assert_allclose(first.box[2:], weights @ [30, 36])
    np.testing.assert_allclose(first.keypoints, np.tile(first.box[:2], (6, 1)))
    assert (first.score, round(second.score, 3)) == (1.0, 0.731)
    np.testing.assert_allclose(second.box, [110, 110, 16, 16])


def test_no_face():
    assert face_crops.decode_faces(*raw_output([])) == []


@pytest.mark.parametrize("degrees", [0, 30, -75])
def test_crop_levels_the_eyes_and_holds_the_margin(degrees):
    rng = np.random.default_rng(0)
    turn = np.deg2rad(degrees)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    upright = rng.uniform(-30, 30, (478, 2))
    upright[:2] = [[-40, 0], [40, 0]]  # the largest extent: 80 pixels
    for corners, x in (((33, 133), -15), ((362, 263), 15)):
        upright[list(corners)] = [[x - 5, -10], [x + 5, -10]]
    upright[:468] -= upright[:468].mean(axis=0)
    landmarks = upright @ rotation.T + [150, 130]
    frame = np.zeros((300, 300, 3), np.uint8)
    for corners in ((33, 133), (362, 263)):
        x, y = landmarks[list(corners)].mean(axis=0)
        cv2.circle(frame, (round(x * 16), round(y * 16)), 3 * 16, (255,) * 3, -1, shift=4)
    crop = face_crops.crop_face(frame, landmarks, size=224, margin=0.18)
    scale = 224 / (80 * 1.36)
    eyes = upright[[33, 133, 362, 263]].reshape(2, 2, 2).mean(axis=1)
    _, _, _, found = cv2.connectedComponentsWithStats((crop[..., 0] > 127).astype(np.uint8))
    found = sorted(found[1:].tolist())
    np.testing.assert_allclose(found, eyes * scale + 112, atol=1.5)


def test_warp_round_trip():
    warp = face_crops.upright_warp(
        np.array([10.0, 20.0]), np.array([3.0, 4.0]), side=50.0, size=100
    )
    points = np.array([[[10.0, 20.0], [13.0, 24.0]]])
    np.testing.assert_allclose(cv2.transform(points, warp)[0], [[50, 50], [60, 50]], atol=1e-9)


def test_wrong_files_are_one_sentence(tmp_path):
    with pytest.raises(UserError, match="cannot read the face model"):
        face_crops.load_networks(str(tmp_path / "none.task"))
    (tmp_path / "other.task").write_bytes(b"something else")
    with pytest.raises(UserError, match=r"is not the float16 face_landmarker_v2\.task"):
        face_crops.load_networks(str(tmp_path / "other.task"))
    for name in ("none.mp4", "other.task"):
        with pytest.raises(UserError, match="is no video that OpenCV can read"):
            list(face_crops.read_video(str(tmp_path / name)))
