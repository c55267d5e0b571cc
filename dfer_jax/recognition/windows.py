"""Windows over the frames of each face, by true time, while the video is being read.

A window holds all frames of the video from its first one until its length is over, whether the face
was found in them or not. Windows of a face start at its first frame and every stride after; where
the stride is in frames and the window in seconds, at the latest when the one before is over: no
frame is left out at few frames a second. The last one is moved back so that it ends with the face's
last frame. Kept are the frames of one window (and those since the face was last seen), never more.
"""

import bisect
import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import UInt8

from dfer_jax.data.frame_protocol import FrameProtocol
from dfer_jax.recognition.spans import Span

LOST_SECONDS = 2.0
"""A face that was not seen for so long is over; seen again, its windows start anew."""


@dataclasses.dataclass(frozen=True)
class Face:
    """One face in one frame.

    Attributes:
        track: its number; the same person keeps it.
        box: x, y, width, height in pixels of the upright frame.
        pictures: the aligned crop, uint8 RGB [s, s, 3], for every `weights.Cut` that is needed.
        quality: measures of it by name, such as `size_px`; empty if nobody measured.
        peer: what `peers.still` says of it by name; empty if nobody asked.
    """

    track: int
    box: tuple[float, float, float, float]
    pictures: Mapping[Any, np.ndarray]
    quality: Mapping[str, float] = dataclasses.field(default_factory=dict)
    peer: Mapping[str, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Seen:
    """A frame of the video: its number, seconds, and the face in it, if it was found."""

    index: int
    seconds: float
    face: Any = None

    @property
    def place(self) -> tuple[int, float]:
        """Number and seconds."""
        return self.index, self.seconds


@dataclasses.dataclass(frozen=True)
class Window:
    """Some consecutive frames of the video, seen for one face.

    Attributes:
        track: the face's number; None where there is no face.
        frames: those of the window in order, at least one.
        end: seconds at which its last frame ends.
    """

    track: int | None
    frames: tuple[Seen, ...]
    end: float

    @property
    def found(self) -> list[Seen]:
        """Those in which the face was found."""
        return [seen for seen in self.frames if seen.face is not None]

    def clips(
        self, protocol: FrameProtocol, cut: Any, *, fps: float | None = None
    ) -> UInt8[np.ndarray, "v t s s 3"]:
        """Returns the views that a network sees, of crops in RGB.

        The window is cut into slots of equal time, as many as it has frames, or as `protocol.slots`
        counts them; the protocol chooses slots, each shows the nearest frame with the face. At a
        constant rate slot k is frame k, as in training; at a varying rate time still runs evenly.

        Args:
            protocol: of the network.
            cut: which of the pictures of a face.
            fps: slots of a second, from the first frame on; None: see above.
        """
        found, start = self.found, self.frames[0].seconds
        times = [seen.seconds for seen in found]
        if fps:
            slot, slots = 1 / fps, 1 + int((self.frames[-1].seconds - start) * fps + 1e-6)
        else:
            slots = protocol.slots(len(self.frames), self.end - start)
            slot = (self.end - start) / slots
        return protocol.clips(
            slots,
            lambda places: [
                found[_nearest(times, start + k * slot)].face.pictures[cut] for k in places
            ],
        )


def _nearest(times: Sequence[float], time: float) -> int:
    """Place of the time nearest to `time` in an ascending list; the earlier of two."""
    after = bisect.bisect_left(times, time)
    if after in (0, len(times)):
        return min(after, len(times) - 1)
    earlier = time - times[after - 1] <= times[after] - time + 1e-9
    return after - 1 if earlier else after


class TrackWindows:
    """The windows of one face."""

    def __init__(self, track: int, *, window: Span, stride: Span) -> None:
        self._track, self._window, self._stride = track, window, stride
        self._frames: list[Seen] = []
        self._start: int | None = 0  # place in `frames` of the next window's first; None: to come
        self._origin: tuple[int, float] | None = None
        self._began: tuple[int, float] | None = None  # the last window
        self._count = 0  # of windows started
        self._last = self._done = -1  # numbers of the frame last found, and last in a window

    def add(self, seen: Seen) -> Iterator[Window]:
        """Takes the next frame of the video; yields the windows that it completes."""
        self._origin = self._origin or seen.place
        self._frames.append(seen)
        if seen.face is not None:
            self._last = seen.index
        if self._start is None and self._due(seen):
            self._start = len(self._frames) - 1
        while self._start is not None and self._window.between(
            self._frames[self._start].place, seen.place
        ):
            stop = next(
                k
                for k in range(self._start, len(self._frames))
                if self._window.between(self._frames[self._start].place, self._frames[k].place)
            )
            yield from self._made(self._start, stop, self._frames[stop].seconds)
            self._advance()
        self._forget()

    def is_lost(self, seconds: float) -> bool:
        """Whether the face was not seen for `LOST_SECONDS`."""
        times = [seen.seconds for seen in self._frames if seen.index <= self._last]
        return seconds - max(times, default=self._frames[0].seconds) > LOST_SECONDS

    def finish(self, end: float) -> Iterator[Window]:
        """Yields the last window, if some frame with the face is in none yet.

        Args:
            end: seconds at which the video's last frame ends.
        """
        stop = next((k for k, seen in enumerate(self._frames) if seen.index > self._last), None)
        if stop is not None:
            end = self._frames[stop].seconds
        frames = self._frames[:stop]
        if frames and self._last > self._done:
            inside = (not self._window.between(f.place, frames[-1].place) for f in frames)
            yield from self._made(next(k for k, is_in in enumerate(inside) if is_in), stop, end)

    def _made(self, start: int, stop: int | None, end: float) -> Iterator[Window]:
        window = Window(self._track, tuple(self._frames[start:stop]), end)
        if window.found:
            self._done = window.frames[-1].index
            yield window

    def _advance(self) -> None:
        start = self._start or 0
        self._began = self._frames[start].place
        if not self._is_a_stride_on(self._began):  # strides count from here
            self._origin, self._count = self._began, 0
        self._count += 1
        places = range(start, len(self._frames))
        self._start = next((k for k in places if self._due(self._frames[k])), None)

    def _due(self, seen: Seen) -> bool:
        is_over = (
            self._began is not None
            and self._window.in_seconds
            and not self._stride.in_seconds
            and self._window.between(self._began, seen.place)
        )
        return is_over or self._is_a_stride_on(seen.place)

    def _is_a_stride_on(self, place: tuple[int, float]) -> bool:
        return self._stride.times(self._count).between(self._origin, place)

    def _forget(self) -> None:
        """Lets go of the frames that no window can hold any more."""
        last = self._frames[-1].place
        for seen in reversed(self._frames):
            if seen.index == self._last:
                last = seen.place
                break
        until = len(self._frames) - 1 if self._start is None else self._start
        drop = 0
        while drop < until and self._window.between(self._frames[drop].place, last):
            drop += 1
        if drop:
            del self._frames[:drop]
            self._start = None if self._start is None else self._start - drop


class Windows:
    """The windows of all faces of a video, and the stretches without any."""

    def __init__(self, *, window: Span, stride: Span) -> None:
        self._settings = {"window": window, "stride": stride}
        self._tracks: dict[int, TrackWindows] = {}
        self._empty: list[Seen] = []  # first and last frame of a stretch without a face
        self._times: tuple[float, float] = (0.0, 0.0)  # of the last two frames

    def add(self, index: int, seconds: float, faces: Iterable[Face]) -> Iterator[Window]:
        """Takes the next frame of the video; yields the windows that it completes."""
        self._times = (self._times[1], seconds)
        by_track = {face.track: face for face in faces}
        if by_track:
            yield from self._end_of_stretch(seconds)
        else:
            self._empty[1:] = [Seen(index, seconds)]
        for track in by_track.keys() - self._tracks.keys():
            self._tracks[track] = TrackWindows(track, **self._settings)
        for track, windows in sorted(self._tracks.items()):
            yield from windows.add(Seen(index, seconds, by_track.get(track)))
            if windows.is_lost(seconds):
                yield from windows.finish(seconds)
                del self._tracks[track]

    def finish(self) -> Iterator[Window]:
        """Yields what is left when the video is over; its last frame lasts as the one before."""
        before, last = self._times
        end = last + max(last - before, 0.0)
        for _, windows in sorted(self._tracks.items()):
            yield from windows.finish(end)
        yield from self._end_of_stretch(end)
        self._tracks.clear()

    def _end_of_stretch(self, end: float) -> Iterator[Window]:
        if self._empty:
            yield Window(None, tuple(self._empty), end)
            self._empty = []
