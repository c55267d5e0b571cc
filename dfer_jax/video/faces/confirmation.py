"""Tells faces from what was taken for one for a moment: followed shortly and with weak confidence.

A collar or a hand passes for a face in some frames. A track that is sure on average is a face, from
its third frame on; a weak one must be there in half of the frames of half a second. One that a
video's end cuts short is given the benefit of the doubt, so that a still keeps its faces.
"""

import dataclasses
from collections.abc import Mapping

_SURE = 0.95  # mean confidence; faces that are seen clearly, even blurred or half hidden, have 0.99
_FRAMES = 3
_SECONDS = 0.5
_SHARE = 0.5  # of the frames of this time


@dataclasses.dataclass
class _Tentative:
    since: float
    frames: int = 0
    found: int = 0
    confidence: float = 0.0  # sum

    @property
    def is_sure(self) -> bool:
        return self.confidence >= _SURE * self.found


class Confirmation:
    """Decides which tracks of a video are faces."""

    def __init__(self) -> None:
        """Starts with no frame seen."""
        self._tentative: dict[int, _Tentative] = {}
        self._confirmed: set[int] = set()
        self._refused: set[int] = set()

    @property
    def left_out(self) -> int:
        """How many tracks are no faces."""
        return len(self._refused - self._confirmed)

    def add(self, seconds: float, confidences: Mapping[int, float]) -> None:
        """Takes the next frame.

        Args:
            seconds: when it is shown.
            confidences: 0..1, of the tracks that are in it.
        """
        for track, seen in list(self._tentative.items()):
            if seconds - seen.since >= _SECONDS - 1e-6:
                self._decide(track, seen)
        for track in confidences.keys() - self._confirmed:
            self._tentative.setdefault(track, _Tentative(seconds))
        for track, seen in list(self._tentative.items()):
            seen.frames += 1
            if track in confidences:
                seen.found += 1
                seen.confidence += confidences[track]
                if seen.found >= _FRAMES and seen.is_sure:
                    self._decide(track, seen)

    def finish(self) -> None:
        """Takes the video's end: what is undecided is a face."""
        self._confirmed |= self._tentative.keys()
        self._tentative.clear()

    def is_open(self, track: int) -> bool:
        """Says whether it is not decided yet what a track is."""
        return track in self._tentative

    def is_face(self, track: int) -> bool:
        """Says whether a track that is decided is a face."""
        return track in self._confirmed

    def _decide(self, track: int, seen: _Tentative) -> None:
        del self._tentative[track]
        if seen.is_sure or seen.found >= _SHARE * seen.frames:
            self._confirmed.add(track)
        else:
            self._refused.add(track)
