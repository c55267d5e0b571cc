"""Weights that label every frame: each from the window around it, while the video is being read."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from dfer_jax.frames.inference import padded
from dfer_jax.frames.windows import centred_windows
from dfer_jax.recognition import rows
from dfer_jax.recognition.rows import Row
from dfer_jax.recognition.weights import FrameNetwork, Weights
from dfer_jax.recognition.windows import LOST_SECONDS, Face, Seen, Window


class NetworkFrames:
    """The frames of one face on their way through one network.

    A frame's window reaches half its length to both sides, but not across a long hole. Kept are the
    features of the frames that wait for their right side, and of as many before them.
    """

    def __init__(self, network: FrameNetwork, batch_size: int) -> None:
        inputs = network.member.inputs
        self._network, self._batch_size = network, batch_size
        self._length, self._max_gap = inputs["window"], inputs["max_gap"]
        self._numbers = np.zeros(0, np.int64)
        self._features: np.ndarray | None = None
        self._scored = 0  # frames kept only as the left side of others

    def add(self, frames: Sequence[Seen]) -> None:
        """Computes the features of the next frames with the face, at most a batch of them."""
        cut = self._network.member.cut
        pictures = [seen.face.pictures[cut] for seen in frames]
        missing = self._batch_size - len(pictures)
        batch = np.stack(pictures + pictures[-1:] * missing)
        found = self._network.backbone(batch)[: len(frames)]
        kept = [] if self._features is None else [self._features]
        self._features = np.concatenate([*kept, found])
        self._numbers = np.append(self._numbers, [seen.index for seen in frames])

    def score(self, *, final: bool) -> np.ndarray:
        """Returns the probabilities [m, k] of the frames whose right side is there."""
        half = self._length // 2
        stop = len(self._numbers) - (0 if final else half)
        if stop <= self._scored:
            return np.zeros((0, len(self._network.member.classes)), np.float32)
        windows = centred_windows(self._numbers, length=self._length, max_gap=self._max_gap)
        wanted = windows[self._scored : stop]
        found = np.concatenate(
            [
                self._network.head(self._features[batch])[:count]
                for batch, count in padded(wanted, self._batch_size)
            ]
        )
        drop = max(stop - half, 0)
        self._numbers, self._features = self._numbers[drop:], self._features[drop:]
        self._scored = stop - drop
        return found


class _Track:
    """One face: frames that wait for features, and networks that wait for right sides."""

    def __init__(self, weights: Weights, batch_size: int) -> None:
        self.networks = [NetworkFrames(n, batch_size) for n in weights.networks]
        self.waiting: list[Seen] = []
        self.ends: dict[int, float] = {}
        self.unscored: list[Seen] = []
        self.pending: list[list[np.ndarray]] = [[] for _ in self.networks]
        self.seen = 0.0


class FrameRows:
    """Frames to rows, one for each face in each frame, and one for each stretch without any."""

    def __init__(self, weights: Weights, batch_size: int) -> None:
        self._weights = weights
        self._batch_size = 4 * batch_size
        self._tracks: dict[int, _Track] = {}
        self._empty: list[Seen] = []
        self._last: Seen | None = None
        self._spacing = 0.0

    def add(self, index: int, seconds: float, faces: Iterable[Face]) -> Iterator[Row]:
        """Takes the next frame; yields the rows that are done."""
        faces = list(faces)
        if self._last is not None:
            self._spacing = seconds - self._last.seconds
        self._last = Seen(index, seconds)
        for track in self._tracks.values():
            if track.unscored:
                track.ends.setdefault(track.unscored[-1].index, seconds)
        if faces:
            yield from self._end_of_stretch(seconds)
        else:
            self._empty[1:] = [self._last]
        for face in faces:
            if face.track not in self._tracks:
                self._tracks[face.track] = _Track(self._weights, self._batch_size)
            track, seen = self._tracks[face.track], Seen(index, seconds, face)
            track.waiting.append(seen)
            track.unscored.append(seen)
            track.seen = seconds
            if len(track.waiting) == self._batch_size:
                yield from self._score(face.track, final=False)
        for number in [n for n, t in self._tracks.items() if seconds - t.seen > LOST_SECONDS]:
            yield from self._score(number, final=True)
            del self._tracks[number]

    def finish(self) -> Iterator[Row]:
        """Yields the rows that are left."""
        for number in sorted(self._tracks):
            yield from self._score(number, final=True)
        self._tracks.clear()
        if self._last is not None:
            yield from self._end_of_stretch(self._last.seconds + self._spacing)

    def _end_of_stretch(self, end: float) -> Iterator[Row]:
        if self._empty:
            yield rows.without_face(Window(None, tuple(self._empty), end))
            self._empty = []

    def _score(self, number: int, *, final: bool) -> Iterator[Row]:
        """Passes on what waits; networks with longer windows answer later than others."""
        track = self._tracks[number]
        for network, pending in zip(track.networks, track.pending, strict=True):
            if track.waiting:
                network.add(track.waiting)
            pending.extend(network.score(final=final))
        track.waiting = []
        ready = min(map(len, track.pending))
        if not ready:
            return
        shares = self._weights.mean([np.stack(p[:ready]) for p in track.pending])
        for seen, share in zip(track.unscored[:ready], shares, strict=True):
            end = track.ends.pop(seen.index, seen.seconds + self._spacing)
            yield rows.of_window(
                Window(number, (seen,), end),
                share,
                classes=self._weights.classes,
                exclusive=self._weights.exclusive,
            )
        del track.unscored[:ready]
        for pending in track.pending:
            del pending[:ready]
