import cv2
import numpy as np
import pytest
from face_videos import face_model, face_pictures

from dfer_jax.video.faces import FaceTracker
from dfer_jax.video.faces.landmarks import eye_centres


def track(frames, *, fps=30):
    tracker = FaceTracker(face_model())
    return [tracker(frame, k / fps) for k, frame in enumerate(frames)]


def numbers(faces_of_frames):
    return [[face.track for face in faces] for faces in faces_of_frames]


def test_one_man_in_every_frame():
    found = track(face_pictures("carphone", 60))
    assert numbers(found) == [[0]] * 60
    for (face,) in found:
        assert face.landmarks.shape == (478, 3) and face.landmarks.dtype == np.float32
        x, y, width, height = face.box
        assert 0 < x < 193 and 0 < y < 144 and 40 < width < 100 and 40 < height < 110
        assert 0.9 < face.score <= 1 and face.quality.confidence == face.score
        assert face.quality.size_px == max(width, height)


def test_two_men_keep_their_numbers():
    found = track(face_pictures("speech", 105))
    assert numbers(found) == [[0, 1]] * 105
    left_of = [faces[0].box[0] < faces[1].box[0] for faces in found]
    assert len(set(left_of)) == 1, "the two changed places"


def test_a_man_hidden_for_a_second_keeps_his_number():
    frames = face_pictures("carphone", 50)
    for frame in frames[15:40]:
        frame[20:130, 60:160] = 90
    found = numbers(track(frames))
    assert found[:15] == [[0]] * 15 and found[41:] == [[0]] * 9
    assert found[16:40] == [[]] * 24


def test_a_man_who_moves_behind_a_hand_keeps_his_number():
    frames = face_pictures("carphone", 70)[20:]
    for k, frame in enumerate(frames[18:48]):  # it comes from below and covers half a second more
        below = 14 * max(0, 8 - k, k - 22)
        cv2.ellipse(frame, (90, 72 + below), (40, 52), 10, 0, 360, (196, 146, 120), cv2.FILLED)
    found = numbers(track(frames))
    assert found[:18] == [[0]] * 18 and [] in found[18:48] and found[-2:] == [[0], [0]]
    assert all(faces in ([], [0]) for faces in found)


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_a_hand_that_covers_much_of_the_picture_at_once(share):
    frames = face_pictures("carphone", 45)
    for frame in frames[10:40]:
        frame[:, round((1 - share) * frame.shape[1]) :] = (196, 146, 120)
    found = numbers(track(frames))
    assert found[:10] == [[0]] * 10 and found[40:] == [[0]] * 5
    assert all(faces in ([], [0]) for faces in found)


def test_two_men_keep_their_numbers_behind_a_hand():
    frames = face_pictures("speech", 30)
    for frame in frames[8:24]:
        frame[frame.shape[0] // 2 :] = (196, 146, 120)
    found = numbers(track(frames, fps=12))
    assert found[:8] == [[0, 1]] * 8 and found[24:] == [[0, 1]] * 6
    assert {number for faces in found for number in faces} == {0, 1}


def test_a_scene_cut_starts_new_numbers():
    scene = face_pictures("carphone", 10)
    dark = [np.full_like(scene[0], 5) for _ in range(3)]
    other = [cv2.resize(frame, (193, 144)) for frame in face_pictures("speech", 10)]
    found = numbers(track([*scene, *other, *dark, *scene]))
    assert found[:10] == [[0]] * 10 and found[10:20] == [[1, 2]] * 10
    assert found[20:23] == [[]] * 3 and found[23:] == [[3]] * 10


@pytest.mark.parametrize("change", ["roll", "half", "dark"])
def test_found_when(change):
    frames = face_pictures("carphone", 12)
    height, width = frames[0].shape[:2]
    matrix = np.eye(2, 3)
    if change == "roll":
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 30, 1)
    if change == "half":
        matrix[:, :2] /= 2
    changed = [cv2.warpAffine(f, matrix, (width, height), flags=cv2.INTER_AREA) for f in frames]
    if change == "dark":
        changed = [(frame * 0.25).astype(np.uint8) for frame in frames]
    found, as_it_was = track(changed), track(frames)
    assert numbers(found) == [[0]] * 12
    for (face,), (same,) in zip(found, as_it_was, strict=True):
        eyes = eye_centres(same.landmarks) @ matrix[:, :2].T + matrix[:, 2]
        apart = np.linalg.norm(eyes[0] - eyes[1])
        error = np.linalg.norm(eye_centres(face.landmarks) - eyes, axis=1).max() / apart
        assert error < 0.1, f"eyes are {error:.3f} of their distance away"
    assert change != "roll" or abs(found[0][0].quality.roll - as_it_was[0][0].quality.roll + 30) < 5


def test_a_street_without_faces():
    assert sum(map(len, track(face_pictures("street", 30)))) == 0
