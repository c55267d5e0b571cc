import numpy as np
from face_videos import face_model

from benchmarks.video import pasted_faces
from dfer_jax.video.faces import FaceTracker


def test_recall_and_errors_of_large_faces():
    tracker = FaceTracker(face_model())
    table = pasted_faces.measure(tracker, sizes=(100,), rolls=(0, 30), people=3)
    for row in table.values():
        assert row["recall"] == 1 and row["wrong"] == 0
        assert row["eyes"] < 0.1 and row["mouth"] < 0.1 and row["box"] < 0.35
        assert row["yaw"] < 10 and row["pitch"] < 12 and row["roll"] < 3


def test_in_the_dark():
    tracker = FaceTracker(face_model())
    (row,) = pasted_faces.measure(
        tracker, sizes=(100,), rolls=(0,), people=3, darkness=0.25
    ).values()
    assert row["recall"] == 1


def test_two_faces_crossing_keep_their_numbers():
    heads = [pasted_faces.draw_head(number, roll=0) for number in (1, 3)]
    scene = pasted_faces.make_scene(np.random.default_rng(0))
    tracker = FaceTracker(face_model())
    numbers = []
    for x in np.linspace(120, 520, 60):  # the first one goes to the right, in front
        behind, there = pasted_faces.put(scene, heads[1], size=110, centre=(640 - x, 180))
        both, here = pasted_faces.put(behind, heads[0], size=110, centre=(x, 180))
        found = {}
        for face in tracker(pasted_faces.as_picture(both)):
            for name, truth in (("front", here), ("back", there)):
                if pasted_faces.score([face], truth)["recall"]:
                    found.setdefault(face.track, []).append(name)
        numbers.append({names[0]: track for track, names in found.items() if len(names) == 1})
    assert numbers[0] == numbers[-1] and len(numbers[0]) == 2
    assert {n["front"] for n in numbers if "front" in n} == {numbers[0]["front"]}
    assert {n["back"] for n in numbers if "back" in n} == {numbers[0]["back"]}
