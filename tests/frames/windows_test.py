import numpy as np
import pytest

from dfer_jax.errors import UserError
from dfer_jax.frames.windows import centred_windows, training_windows


def contiguous(n):
    return np.arange(1, n + 1, dtype=np.int32)


def train(numbers, *, valid=None, **kwargs):
    numbers = np.asarray(numbers, np.int32)
    valid = np.ones(len(numbers), bool) if valid is None else np.asarray(valid)
    return training_windows(numbers, valid=valid, **kwargs)


@pytest.mark.parametrize(
    ("n", "starts"),
    [
        (9, [0]),
        (10, [0, 1]),
        (13, [0, 4]),
        (17, [0, 4, 8]),
        (26, [0, 4, 8, 12, 16, 17]),
        (27, [0, 4, 8, 12, 16, 18]),
    ],
)
def test_starts_of_training_windows(n, starts):
    windows = train(contiguous(n))
    assert windows.positions.tolist() == [list(range(start, start + 9)) for start in starts]
    assert windows.mask.all() and windows.positions.dtype == np.int64


@pytest.mark.parametrize("n", range(1, 9))
def test_a_short_video_gives_one_padded_window(n):
    windows = train(contiguous(n))
    assert windows.positions.tolist() == [[min(k, n - 1) for k in range(9)]]
    assert windows.mask.tolist() == [[k < n for k in range(9)]]


@pytest.mark.parametrize("missing", [0, 1, 8, 9, 100])
def test_a_window_bridges_eight_missing_frames_and_no_more(missing):
    numbers = [*range(1, 11), *range(11 + missing, 16 + missing)]
    bridged = train(numbers).positions
    crossing = ((bridged < 10).any(axis=1) & (bridged >= 10).any(axis=1)).any()
    assert crossing == (missing <= 8)
    if missing > 8:
        assert bridged.tolist() == [
            list(range(9)),
            list(range(1, 10)),
            [10, 11, 12, 13, 14, 14, 14, 14, 14],
        ]
        assert train(numbers).mask[2].tolist() == [True] * 5 + [False] * 4


def test_frames_without_label_are_context_and_windows_of_them_alone_are_left_out():
    valid = np.zeros(26, bool)
    valid[[3, 20]] = True
    windows = train(contiguous(26), valid=valid)
    assert windows.positions[:, 0].tolist() == [0, 12, 16, 17]
    assert windows.positions[windows.mask].tolist() == [3, 20, 20, 20]
    nothing = train(contiguous(26), valid=np.zeros(26, bool))
    assert nothing.positions.shape == nothing.mask.shape == (0, 9)


def test_every_labelled_frame_is_trained_on_and_padding_never():
    rng = np.random.default_rng(0)
    for _ in range(200):
        numbers = np.cumsum(rng.choice([1, 1, 1, 1, 2, 9, 10, 40], size=rng.integers(1, 60)))
        valid = rng.random(len(numbers)) < 0.7
        length = int(rng.integers(1, 12))
        stride = int(rng.integers(1, length + 1))
        positions, mask = train(numbers, valid=valid, length=length, stride=stride)
        assert set(positions[mask].tolist()) == set(np.flatnonzero(valid).tolist())
        assert len({tuple(row) for row in positions.tolist()}) == len(positions)
        for row, counted in zip(positions, mask, strict=True):
            assert len(set(row[counted].tolist())) == counted.sum() >= 1
            assert (np.diff(numbers[row]) <= 9).all() and (np.diff(row) >= 0).all()


def test_centred_windows_of_three_frames():
    windows = centred_windows(contiguous(3))
    assert windows[0].tolist() == [0, 0, 0, 0, 0, 1, 2, 2, 2]
    assert windows[1].tolist() == [0, 0, 0, 0, 1, 2, 2, 2, 2]
    assert windows[2].tolist() == [0, 0, 0, 1, 2, 2, 2, 2, 2]


@pytest.mark.parametrize("n", [1, 8, 9, 26])
def test_each_frame_is_in_the_middle_once(n):
    windows = centred_windows(contiguous(n))
    assert windows.shape == (n, 9) and windows[:, 4].tolist() == list(range(n))
    for i, row in enumerate(windows):
        assert row.tolist() == [min(max(i - 4 + k, 0), n - 1) for k in range(9)]


def test_centred_windows_stop_at_long_holes():
    numbers = np.array([1, 2, 3, 12, 13, 100, 101])  # 8, then 86 missing
    windows = centred_windows(numbers, length=5)
    assert windows.tolist() == [
        [0, 0, 0, 1, 2],
        [0, 0, 1, 2, 3],
        [0, 1, 2, 3, 4],
        [1, 2, 3, 4, 4],
        [2, 3, 4, 4, 4],
        [5, 5, 5, 6, 6],
        [5, 5, 6, 6, 6],
    ]
    assert centred_windows(numbers, length=3, max_gap=7)[2].tolist() == [1, 2, 2]


def test_bad_arguments_are_refused():
    with pytest.raises(UserError, match="frame 5 follows frame 5"):
        centred_windows(np.array([4, 5, 5, 6]))
    with pytest.raises(UserError, match="frame 2 follows frame 7"):
        train([7, 2])
    with pytest.raises(UserError, match="odd length, not 8"):
        centred_windows(contiguous(9), length=8)
    with pytest.raises(UserError, match="at least one frame"):
        centred_windows(np.zeros(0, np.int32))
    for stride in (0, 10):
        with pytest.raises(UserError, match=f"between 1 and their length 9, got {stride}"):
            train(contiguous(9), stride=stride)
    with pytest.raises(UserError, match="got 0 and 8"):
        train(contiguous(9), length=0, stride=1)
    with pytest.raises(UserError, match="got 9 and -1"):
        centred_windows(contiguous(9), max_gap=-1)
