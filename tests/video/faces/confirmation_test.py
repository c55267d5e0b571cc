import pytest

from dfer_jax.video.faces.confirmation import Confirmation


def decide(*tracks, fps=30, frames=60):
    """Each track: number, confidence, frames it is in. Returns faces, count left out, undecided."""
    found = Confirmation()
    for k in range(frames):
        found.add(k / fps, {number: sure for number, sure, inside in tracks if k in inside})
    still_open = {number for number, *_ in tracks if found.is_open(number)}
    found.finish()
    return {number for number, *_ in tracks if found.is_face(number)}, found.left_out, still_open


@pytest.mark.parametrize(
    ("sure", "inside", "is_face"),
    [
        (0.82, range(20, 25), False),
        (0.94, range(20, 27), False),
        (0.99, range(20, 21), True),  # a clear face, be it for one frame
        (0.82, range(20, 40), True),
        (0.82, range(20, 45, 2), True),  # flickers
        (0.82, range(20, 45, 5), False),
    ],
)
def test_brief_and_weak_is_no_face(sure, inside, is_face):
    faces, left_out, still_open = decide((3, sure, inside))
    assert (faces, left_out, still_open) == (({3}, 0, set()) if is_face else (set(), 1, set()))


def test_what_the_end_cuts_short_is_a_face():
    assert decide((0, 0.7, range(1)), frames=1) == ({0}, 0, {0})
    assert decide((0, 0.7, range(58, 60))) == ({0}, 0, {0})


def test_time_counts_and_not_frames():
    assert decide((0, 0.82, range(10)), fps=120, frames=120) == (set(), 1, set())
    assert decide((0, 0.82, range(10)), fps=12) == ({0}, 0, set())


def test_a_clear_face_is_one_from_its_third_frame_on_and_a_collar_that_began_well_is_none():
    found = Confirmation()
    for k, collar in enumerate([0.9944, 0.8423, 0.7549, 0.6522, 0.8481]):  # of a real video
        found.add(k / 30, {0: 0.99, 1: collar})
        assert found.is_face(0) == (k >= 2) and found.is_open(1)
    for k in range(5, 30):
        found.add(k / 30, {0: 0.99})
    assert found.is_face(0) and not found.is_face(1) and found.left_out == 1


def test_others_are_judged_by_themselves():
    assert decide((0, 0.99, range(60)), (1, 0.8, range(9, 14))) == ({0}, 1, set())
