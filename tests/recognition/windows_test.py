"""Windows by true time: constant and varying rates, faces that come and go."""

import numpy as np
import pytest

from dfer_jax.data.frame_protocol import FrameProtocol
from dfer_jax.recognition.spans import parse
from dfer_jax.recognition.windows import LOST_SECONDS, Face, Windows

EVERY = frozenset({1})
FOUR = FrameProtocol(4)


def windows_of(times, faces=None, *, window="1s", stride="4"):
    """All windows of a video with frames at `times`; `faces(index)` gives tracks."""
    cut = Windows(window=parse(window, name=""), stride=parse(stride, name=""))
    found = []
    for index, seconds in enumerate(map(float, times)):
        tracks = EVERY if faces is None else faces(index)
        seen = [
            Face(t, (float(index), 0.0, 1.0, 1.0), {8: np.full((8, 8, 3), index % 256, np.uint8)})
            for t in tracks
        ]
        found += cut.add(index, seconds, seen)
    return found + list(cut.finish())


def spans(windows, track=1):
    return [(w.frames[0].index, w.frames[-1].index) for w in windows if w.track == track]


def at_rate(fps, frames):
    return [k / fps for k in range(frames)]


def test_windows_start_every_stride_and_the_last_one_ends_with_the_video():
    found = windows_of(at_rate(10, 31))
    assert spans(found) == [(0, 9), (4, 13), (8, 17), (12, 21), (16, 25), (20, 29), (21, 30)]
    assert found[0].end == pytest.approx(1.0) and found[-1].end == pytest.approx(3.1)
    assert spans(windows_of(at_rate(10, 30))) == [*spans(found)[:-2], (20, 29)]


def test_no_frame_is_left_out_at_one_frame_a_second():
    assert spans(windows_of(at_rate(1, 9), window="2s", stride="8")) == [
        (0, 1), (2, 3), (4, 5), (6, 7), (7, 8),
    ]  # fmt: skip
    slow_then_fast = [0, 1, 2, 3, *(4 + k / 10 for k in range(20))]
    found = spans(windows_of(slow_then_fast, window="2s", stride="8"))
    assert found == [(0, 1), (2, 3), (4, 23)], found
    assert spans(windows_of(at_rate(1, 9), window="2s", stride="4s")) == [(0, 1), (4, 5), (7, 8)]


def test_seconds_are_seconds_at_any_rate():
    for fps in (12, 25, 29.97, 120):
        found = windows_of(at_rate(fps, int(5 * fps)), window="2s", stride="0.5s")
        starts = np.array([w.frames[0].seconds for w in found])
        np.testing.assert_allclose(starts[:-1], 0.5 * np.arange(len(starts) - 1), atol=1 / fps)
        lengths = [w.end - w.frames[0].seconds for w in found]
        np.testing.assert_allclose(lengths, 2, atol=1 / fps)


def test_a_short_video_is_one_window_and_sampled_as_in_evaluation():
    for length in (1, 3, 9):
        [window] = windows_of(at_rate(25, length), window="10s")
        [chosen] = window.clips(FOUR, 8)
        assert chosen[:, 0, 0, 0].tolist() == FOUR.test(length)[0].tolist()


def test_five_frames_a_second_are_seen_whatever_the_rate_and_the_last_is_repeated():
    protocol = FrameProtocol(10, sampling="padded")
    for fps, steps in ((25, 5), (30, 6), (29.97, 6), (10, 2)):
        window = windows_of(at_rate(fps, int(5 * fps)), window="2s", stride="1s")[0]
        seen = window.clips(protocol, 8, fps=5.0)[0, :, 0, 0, 0]
        assert seen.tolist() == [steps * k for k in range(10)], fps
    [short] = windows_of(at_rate(25, 12), window="2s")
    seen = short.clips(protocol, 8, fps=5.0)[0, :, 0, 0, 0]
    assert seen.tolist() == [0, 5, *[10] * 8]


def test_varying_rates_are_sampled_evenly_in_time():
    times = [*np.arange(0, 1, 0.1), *np.arange(1, 2, 0.02)]  # 10 frames, then 50
    [window] = windows_of(times, window="5s")
    [chosen] = window.clips(FOUR, 8)
    seconds = [times[place] for place in chosen[:, 0, 0, 0]]
    np.testing.assert_allclose(seconds, [0.25, 0.75, 1.25, 1.75], atol=0.06)


def test_a_frame_step_lasts_as_long_at_any_rate():
    protocol = FrameProtocol(4, sampling="strided", frame_step=5, test_views=2)
    for fps in (12.5, 25, 50):
        [window] = windows_of(at_rate(fps, int(2 * fps)), window="5s")
        places = window.clips(protocol, 8)[..., 0, 0, 0]
        np.testing.assert_allclose(
            places / fps, [[0, 0.2, 0.4, 0.6], [1.2, 1.4, 1.6, 1.8]], atol=0.5 / fps + 1e-6
        )


def test_a_stretch_without_a_face_is_a_window_of_its_own():
    found = windows_of(at_rate(10, 60), lambda k: () if k < 5 or 20 <= k < 50 else EVERY)
    assert spans(found, None) == [(0, 4), (20, 49)]
    assert [w.end for w in found if w.track is None] == pytest.approx([0.5, 5.0])
    assert max(last for _, last in spans(found)) == 59
    lost = 20 + 10 * LOST_SECONDS
    assert all(last < lost or first >= 50 for first, last in spans(found)), "starts anew"


def test_a_short_loss_does_not_end_a_face_and_is_bridged_by_its_neighbours():
    [window] = windows_of(at_rate(10, 10), lambda k: () if k in (4, 5) else EVERY, window="2s")[1:]
    assert spans([window]) == [(0, 9)] and len(window.found) == 8
    chosen = window.clips(FrameProtocol(10), 8)[0, :, 0, 0, 0].tolist()
    assert chosen == [0, 1, 2, 3, 3, 6, 6, 7, 8, 9]


def test_each_face_has_windows_of_its_own():
    found = windows_of(at_rate(10, 40), lambda k: {1, 2} if 10 <= k < 30 else {1})
    assert spans(found, 2)[0] == (10, 19) and spans(found, 1)[0] == (0, 9)
    assert spans(found, 2)[-1][1] >= 29 and not spans(found, None)


def test_every_frame_with_a_face_is_in_a_window_when_the_stride_is_not_longer():
    rng = np.random.default_rng(0)
    for _ in range(20):
        times = np.cumsum(rng.uniform(0.01, 0.3, 200))
        there = rng.random(200) < 0.7
        there[100:140] = rng.random() < 0.5
        found = windows_of(times, lambda k, there=there: EVERY if there[k] else ())
        covered = {seen.index for w in found for seen in w.found}
        assert covered == set(np.flatnonzero(there)), "a frame with a face is in no window"
        alone = {
            k
            for w in found
            if w.track is None
            for k in range(w.frames[0].index, w.frames[-1].index + 1)
        }
        assert alone == set(np.flatnonzero(~there)), "a frame without a face has no row"


def test_memory_does_not_grow():
    cut = Windows(window=parse("1s", name=""), stride=parse("8", name=""))
    sizes = []
    for index in range(4000):
        list(
            cut.add(index, index / 25, [Face(1, (0.0, 0.0, 1.0, 1.0), {})] if index < 3000 else [])
        )
        sizes.append(sum(len(track._frames) for track in cut._tracks.values()))
    assert max(sizes) < 25 * (1 + LOST_SECONDS) + 9 and sizes[-1] == 0
