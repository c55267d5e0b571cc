"""Windows of a video with a label on every frame: what a temporal head sees at once.

Positions are those in the list of a video's frames, which are ordered by their true numbers; where
no face was found the numbers skip. A window may bridge a short hole but never a long one: the list
is cut there into runs, and every rule below works inside a run.
"""

import itertools
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64, Integer

from dfer_jax.errors import UserError

LENGTH = 9
STRIDE = 4
MAX_GAP = 8


class Windows(NamedTuple):
    """Windows of one video to train on.

    Attributes:
        positions: int64 `[w, t]` in [0, n), ascending in a row; a short run repeats its last frame.
        mask: bool `[w, t]`, where loss and metrics count: neither padding nor without a label.
    """

    positions: Int64[np.ndarray, "w t"]
    mask: Bool[np.ndarray, "w t"]


def training_windows(
    frame_numbers: Integer[np.ndarray, " n"],
    *,
    valid: Bool[np.ndarray, " n"],
    length: int = LENGTH,
    stride: int = STRIDE,
    max_gap: int = MAX_GAP,
) -> Windows:
    """Returns windows that cover every frame of a video, the last one shifted to the end.

    In a run of n frames windows start at 0, S, 2S, ... while they fit, and at n - L; a run shorter
    than L gives one window whose padding repeats the last frame. Windows without any labelled
    frame are left out.

    Args:
        frame_numbers: `[n]`, n >= 1, strictly ascending true frame numbers.
        valid: `[n]`, frames with a label; the others are context only.
        length: L, frames of a window, at least 1.
        stride: S, frames from one start to the next, in [1, L] so that none is passed over.
        max_gap: most frames that may be missing between two neighbours in a window, at least 0.

    Raises:
        UserError: if the numbers do not ascend, or an argument is out of range.

    Source: Fan et al. (ABAW 2021), windows of 9 frames; stride 4 is their code's.
    Deviates: their code repeats windows at the end, loses videos of fewer than 4 frames, pads
    others from a negative start and bridges holes of any length, because it cuts lists blindly.
    """
    _check(length=length, max_gap=max_gap)
    if not 1 <= stride <= length:
        raise UserError(
            f"the stride of windows must be between 1 and their length {length}, got {stride}"
        )
    positions, inside = [], []
    for start, stop in _runs(frame_numbers, max_gap):
        offsets = _starts(stop - start, length, stride)[:, None] + np.arange(length)
        positions.append(start + np.minimum(offsets, stop - start - 1))
        inside.append(offsets < stop - start)
    rows = np.concatenate(positions)
    mask = np.concatenate(inside) & valid[rows]
    labelled = mask.any(axis=1)
    return Windows(rows[labelled], mask[labelled])


def centred_windows(
    frame_numbers: Integer[np.ndarray, " n"],
    *,
    length: int = LENGTH,
    max_gap: int = MAX_GAP,
) -> Int64[np.ndarray, "n t"]:
    """Returns for every frame of a video the window in whose middle it lies.

    Row i holds clip(i - (L - 1) / 2 + k, first, last) for k = 0 .. L - 1, where first and last are
    the borders of the run of i: beyond them the border frame is repeated, and the middle is always
    frame i. So each frame is scored exactly once, by output (L - 1) / 2 of its row.

    Args:
        frame_numbers: `[n]`, n >= 1, strictly ascending true frame numbers.
        length: L, frames of a window, odd.
        max_gap: most frames that may be missing between two neighbours in a window, at least 0.

    Returns:
        int64 `[n, length]`, positions in [0, n), not descending in a row.

    Raises:
        UserError: if the numbers do not ascend, or an argument is out of range.

    Source: Fan et al. (ABAW 2021), many-to-one testing; the border rule `video_middle` of their
    code. Deviates: does not cross long holes, because training windows do not either.
    """
    _check(length=length, max_gap=max_gap)
    if length % 2 == 0:
        raise UserError(f"a window with a frame in its middle has odd length, not {length}")
    around = np.arange(length) - length // 2
    return np.concatenate(
        [
            np.clip(np.arange(start, stop)[:, None] + around, start, stop - 1)
            for start, stop in _runs(frame_numbers, max_gap)
        ]
    )


def _check(*, length: int, max_gap: int) -> None:
    if length < 1 or max_gap < 0:
        raise UserError(
            "windows need a length of at least 1 and a longest gap of at least 0, got "
            f"{length} and {max_gap}"
        )


def _runs(frame_numbers: np.ndarray, max_gap: int) -> list[tuple[int, int]]:
    """Returns [start, stop) of the stretches of the list without a hole above `max_gap`."""
    if not len(frame_numbers):
        raise UserError("a video must have at least one frame; build the dataset again")
    steps = np.diff(frame_numbers.astype(np.int64))
    if (steps < 1).any():
        place = int(np.argmax(steps < 1))
        raise UserError(
            f"frame {frame_numbers[place + 1]} follows frame {frame_numbers[place]}; frame numbers "
            "must ascend"
        )
    borders = [0, *(np.flatnonzero(steps - 1 > max_gap) + 1).tolist(), len(frame_numbers)]
    return list(itertools.pairwise(borders))


def _starts(frames: int, length: int, stride: int) -> np.ndarray:
    """Returns where windows start in a run; 0 alone if it is shorter than a window."""
    last = max(frames - length, 0)
    return np.unique(np.append(np.arange(0, last + 1, stride), last))
