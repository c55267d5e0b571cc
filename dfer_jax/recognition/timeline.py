"""The rows of a video: frames in, faces cut out beside the network's work, batches, rows out."""

import collections
import dataclasses
from collections.abc import Iterable, Iterator

import jax
import numpy as np

from dfer_jax.recognition import rows
from dfer_jax.recognition.ahead import ahead
from dfer_jax.recognition.faces import Finder, Pictures
from dfer_jax.recognition.frame_windows import FrameRows
from dfer_jax.recognition.rows import Row
from dfer_jax.recognition.spans import Span
from dfer_jax.recognition.weights import Weights
from dfer_jax.recognition.windows import Face, Window, Windows

WINDOW = Span(2.4, in_seconds=True)
"""About DFEW's clips, whose median is 70 frames."""
STRIDE = Span(8.0, in_seconds=False)
_AHEAD = 64  # frames whose faces wait for the network


@dataclasses.dataclass(frozen=True)
class Timing:
    """How a video is cut into windows.

    Attributes:
        window: length of what gets one label.
        stride: from one window to the next.
        batch_size: windows (or frames, of weights that label frames) computed at once.
    """

    window: Span = WINDOW
    stride: Span = STRIDE
    batch_size: int = 0  # 0: by device


def timeline(
    pictures: Pictures,
    find: Finder,
    weights: Weights,
    timing: Timing = Timing(),
) -> Iterator[Row]:
    """Yields the rows of a video in the order in which they are done; memory is bounded.

    Args:
        pictures: number from 0, seconds and RGB picture of every frame, in order.
        find: its faces.
        weights: of one network or more.
        timing: windows; weights that label frames have windows of their own.

    Raises:
        Exception: whatever `pictures` or `find` raises, after the rows of all frames before it.
    """
    work = (
        FrameRows(weights, _batch_size(timing)) if weights.of_frames else ClipRows(weights, timing)
    )
    try:
        for index, seconds, faces in ahead(find(pictures), depth=_AHEAD):
            yield from work.add(index, seconds, faces)
    except Exception:
        yield from work.finish()
        raise
    yield from work.finish()


def _batch_size(timing: Timing) -> int:
    return timing.batch_size or (4 if jax.default_backend() == "cpu" else 16)


class ClipRows:
    """Windows to rows: a batch is computed while the next one gathers."""

    def __init__(self, weights: Weights, timing: Timing) -> None:
        self._weights, self._size = weights, _batch_size(timing)
        self._windows = Windows(window=timing.window, stride=timing.stride)
        self._waiting: list[Window] = []
        self._computing: collections.deque[tuple[list[Window], list[jax.Array]]] = (
            collections.deque()
        )
        self._clips = [
            np.zeros((self._size, *m.protocol.shape, m.size, m.size, 3), np.uint8)
            for m in weights.members
        ]

    def add(self, index: int, seconds: float, faces: Iterable[Face]) -> Iterator[Row]:
        """Takes the next frame; yields the rows that are done."""
        yield from self._take(self._windows.add(index, seconds, faces))

    def finish(self) -> Iterator[Row]:
        """Yields the rows that are left."""
        yield from self._take(self._windows.finish())
        self._send()
        yield from self._done(0)

    def _take(self, windows: Iterable[Window]) -> Iterator[Row]:
        for window in windows:
            self._waiting.append(window)
            if sum(w.track is not None for w in self._waiting) == self._size or self._size == 1:
                self._send()
                yield from self._done(1 if self._size > 1 else 0)

    def _send(self) -> None:
        """Sends what waits to the networks, without waiting for them."""
        of_faces = [window for window in self._waiting if window.track is not None]
        found = []
        for network, clips in zip(self._weights.networks, self._clips, strict=True):
            if of_faces:
                member = network.member
                filled = clips.copy()  # the device may read it while the next one is filled
                for window, clip in zip(of_faces, filled, strict=False):
                    clip[:] = window.clips(member.protocol, member.cut, fps=member.fps)
                found.append(network(filled))
        self._computing.append((self._waiting, found))
        self._waiting = []

    def _done(self, left: int) -> Iterator[Row]:
        while len(self._computing) > left:
            windows, found = self._computing.popleft()
            shares = iter(self._weights.mean(jax.device_get(found)) if found else ())
            for window in windows:
                yield (
                    rows.without_face(window)
                    if window.track is None
                    else rows.of_window(
                        window,
                        next(shares),
                        classes=self._weights.classes,
                        exclusive=self._weights.exclusive,
                    )
                )
