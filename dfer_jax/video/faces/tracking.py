"""Follows the faces of a video: the same person keeps a number, also behind an obstacle.

Where a face was in the last frame its landmarks are placed again at once; the detector runs only
every few frames, to find those who come, and when a face is lost. A lost face is remembered, where
it was going and what it looked like, and takes its number again when it comes back. Two faces that
meet are told apart by the same. A scene cut forgets everybody, but for what looks like one and is
none: an obstacle that covers much of the picture at once, with the same scene beside or after it.
"""

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from dfer_jax.video.faces.appearance import Memory, Seen, seen
from dfer_jax.video.faces.detector import Detection, FaceDetector
from dfer_jax.video.faces.landmarks import (
    LandmarkNetwork,
    Landmarks,
    box_of,
    region_of_detection,
    region_of_landmarks,
)
from dfer_jax.video.faces.model_file import read_networks
from dfer_jax.video.faces.quality import FaceQuality, judge_face
from dfer_jax.video.faces.scene_cut import SceneCuts, Thumbnail

_PRESENT = 0.5  # least score of landmarks
_NEW = 0.9  # of those of somebody not seen before; hair and collars reach 0.8
_SAME_PLACE = 0.4  # of a face: two whose centres are nearer are one face seen twice
_LOOK_EVERY = 5  # frames between two runs of the detector
_PARTS = ((2, 15, 0), (3, 30, 480), (5, 60, 1280))
"""Looks for small faces: squares so many times smaller than the longer side, every how many frames,
from how many pixels of that side on; in smaller pictures such faces cannot be judged."""
_MOMENT = 15  # frames in which a lost face is also looked for where it was
_AROUND = 3.5  # times its size
_MOST_FACES = 12  # at once; the least certain of the newest are left out
_REMEMBERED_S = 6.0  # seconds for which a lost face is remembered
_ALONE = 0.1  # how much less must fit of the only face lost, where the only one comes back
_SOON_S, _SOON = 2.5, 0.25  # seconds in which, and how much less then, near the place it had
_AWAY_S = 2.5  # seconds in which a scene may come back after what looked like a cut
_USUAL_FPS = 25.0


@dataclasses.dataclass(frozen=True)
class Face:
    """A face in a frame.

    Attributes:
        track: number of the person, from 0, by first appearance; a scene cut starts new ones.
        box: x, y of the upper left corner, width, height in pixels: the extent of the landmarks.
        landmarks: x, y, z in pixels.
        score: how sure it is that this is a face, 0..1.
        quality: how well it can be judged.
    """

    track: int
    box: tuple[float, float, float, float]
    landmarks: Landmarks
    score: float
    quality: FaceQuality


@dataclasses.dataclass
class _Track:
    number: int
    landmarks: Landmarks
    score: float
    seen: Seen
    memory: Memory
    lost: int = 0  # frames
    seconds: float = 0.0  # when it was last there


@dataclasses.dataclass(frozen=True)
class _Left:
    """A scene that was to be seen before what may be a cut."""

    scene: Thumbnail
    tracks: list[_Track]
    seconds: float


class FaceTracker:
    """Takes the frames of one video in their order; each call returns that frame's faces."""

    def __init__(self, model: Path):
        """Loads the networks.

        Args:
            model: what `find_model` returned.

        Raises:
            UserError: if the file is not the one known.
        """
        detector, landmarks = read_networks(model)
        self._detector, self._landmarks = FaceDetector(detector), LandmarkNetwork(landmarks)
        self._next = 0
        self.reset()

    @property
    def numbers_given(self) -> int:
        """How many tracks there have been; the next one's number."""
        return self._next

    def reset(self) -> None:
        """Forgets everybody, as before another video; numbers go on."""
        self._cuts, self._tracks, self._shape = SceneCuts(), [], None
        self._left: _Left | None = None
        self._since_look = self._since_parts = 0
        self._now = -1 / _USUAL_FPS

    def __call__(
        self, picture: UInt8[np.ndarray, "h w 3"], seconds: float | None = None
    ) -> list[Face]:
        """Returns the faces of the next frame, by track number.

        Args:
            picture: RGB.
            seconds: when it is shown; None: a 25th of a second after the one before.
        """
        self._now = self._now + 1 / _USUAL_FPS if seconds is None else seconds
        self._mind_cuts(picture)
        lost = self._follow(picture)
        if lost or self._since_look == 0 or not self._active():
            self._find_new(picture)
        self._since_look = (self._since_look + 1) % _LOOK_EVERY
        self._since_parts = (self._since_parts + 1) % _PARTS[-1][1]
        self._tracks = [t for t in self._tracks if self._now - t.seconds <= _REMEMBERED_S]
        faces = [_face(track) for track in self._active()]
        return sorted(faces, key=lambda face: face.track)

    def _mind_cuts(self, picture: UInt8[np.ndarray, "h w 3"]) -> None:
        """Forgets who was there before a cut, as soon as it is sure to be one."""
        is_cut = self._cuts.is_cut(picture)
        other_size, self._shape = self._shape not in (None, picture.shape), picture.shape
        if other_size:
            self._left = None
        if other_size or is_cut:
            if self._left is None and not other_size:
                self._left = _Left(self._cuts.before, self._tracks, self._now)
            self._tracks, self._since_look, self._since_parts = [], 0, 0
        if self._left is None:
            return
        if self._cuts.shows(self._left.scene):
            self._tracks, self._left = self._left.tracks, None
            for track in self._tracks:
                track.lost = max(track.lost, 1)
        elif self._tracks or self._now - self._left.seconds > _AWAY_S:
            self._left = None

    def _active(self) -> list[_Track]:
        return [track for track in self._tracks if not track.lost]

    def _follow(self, picture: UInt8[np.ndarray, "h w 3"]) -> bool:
        """Places the landmarks of known faces again; returns whether one was lost."""
        active = self._active()
        for track in self._tracks:
            track.lost += bool(track.lost)
        for track in active:
            landmarks, score = self._landmarks(picture, region_of_landmarks(track.landmarks))
            if score < _PRESENT or _is_outside(landmarks, picture):
                track.lost = 1
            else:
                track.landmarks, track.score = landmarks, score
                track.seen, track.seconds = seen(picture, landmarks), self._now
        for one, other in _meeting(self._active()):
            if not (one.lost or other.lost):
                min((one, other), key=lambda t: t.memory.fits(t.seen, t.landmarks)).lost = 1
        for track in self._active():
            track.memory.update(track.seen, track.landmarks)
        return any(track.lost for track in active)

    def _find_new(self, picture: UInt8[np.ndarray, "h w 3"]) -> None:
        """Looks for faces that are not followed, and knows again those that were lost."""
        candidates = self._candidates(picture, self._detector.find(picture))
        for x, y, width, height in self._just_lost():
            centre, side = (x + width / 2, y + height / 2), _AROUND * max(width, height)
            near = self._detector.find_near(picture, centre, side)
            candidates += self._candidates(picture, near, [c[0] for c in candidates])
        for share in self._shares(picture):
            parts = self._detector.find_in_parts(picture, share)
            candidates += self._candidates(picture, parts, [c[0] for c in candidates])
        candidates.sort(key=lambda candidate: -candidate[1])
        candidates = candidates[: max(0, _MOST_FACES - len(self._active()))]
        self._know_again(picture, candidates)
        for landmarks, score in candidates:
            if score < _NEW:
                continue
            face = seen(picture, landmarks)
            memory = Memory(face, landmarks)
            self._tracks.append(
                _Track(self._next, landmarks, score, face, memory, seconds=self._now)
            )
            self._next += 1

    def _just_lost(self) -> list[tuple[float, float, float, float]]:
        """Returns the boxes where faces were last, of those lost a moment ago."""
        return [box_of(track.landmarks) for track in self._tracks if 0 < track.lost <= _MOMENT]

    def _shares(self, picture: UInt8[np.ndarray, "h w 3"]) -> Iterator[int]:
        """Yields in which parts to look for small faces in this frame."""
        for share, every, least in _PARTS:
            if self._since_parts % every == 0 and max(picture.shape[:2]) >= least:
                yield share

    def _candidates(
        self,
        picture: UInt8[np.ndarray, "h w 3"],
        found: list[Detection],
        known: list[Landmarks] | tuple[()] = (),
    ) -> list[tuple[Landmarks, float]]:
        """Returns landmarks and scores of the detections that are faces and not followed yet."""
        taken = [track.landmarks for track in self._active()] + list(known)
        new = []
        for detection in found:
            if any(_covers(landmarks, detection) for landmarks in taken):
                continue
            landmarks, score = self._landmarks(picture, region_of_detection(detection))
            # A second time, from the landmarks, as they are placed in the frames to come.
            if score >= _PRESENT:
                landmarks, score = self._landmarks(picture, region_of_landmarks(landmarks))
            if score >= _PRESENT and not any(_same_place(landmarks, other) for other in taken):
                new.append((landmarks, score))
                taken.append(landmarks)
        return new

    def _know_again(
        self, picture: UInt8[np.ndarray, "h w 3"], candidates: list[tuple[Landmarks, float]]
    ) -> None:
        """Gives lost tracks the candidates that fit best, and takes these out of the list."""
        lost = [track for track in self._tracks if track.lost]
        alone = len(self._tracks) == len(candidates) == 1
        while lost and candidates:
            pairs = [
                (track.memory.fits(seen(picture, landmarks), landmarks, track.lost), index, track)
                for index, (landmarks, _) in enumerate(candidates)
                for track in lost
            ]
            fit, index, track = max(pairs, key=lambda pair: pair[0])
            soon = self._now - track.seconds <= _SOON_S and track.memory.is_near(
                candidates[index][0]
            )
            if fit < -max(_ALONE * alone, _SOON * soon):
                return
            track.landmarks, track.score = candidates.pop(index)
            track.seen, track.seconds, track.lost = seen(picture, track.landmarks), self._now, 0
            lost.remove(track)
            track.memory.found_again(track.landmarks)


def _face(track: _Track) -> Face:
    quality = judge_face(track.seen, track.landmarks, track.score)
    return Face(track.number, box_of(track.landmarks), track.landmarks, track.score, quality)


def _meeting(tracks: list[_Track]) -> Iterator[tuple[_Track, _Track]]:
    for index, one in enumerate(tracks):
        for other in tracks[index + 1 :]:
            if _same_place(one.landmarks, other.landmarks):
                yield one, other


def _same_place(one: Landmarks, other: Landmarks) -> bool:
    side = max(*box_of(one)[2:], *box_of(other)[2:])
    return math.dist(one[:, :2].mean(0), other[:, :2].mean(0)) < _SAME_PLACE * side


def _covers(landmarks: Landmarks, detection: Detection) -> bool:
    """Whether a followed face is the one detected."""
    side = max(*box_of(landmarks)[2:], detection.side)
    return math.dist(landmarks[:, :2].mean(0), detection.centre) < _SAME_PLACE * side


def _is_outside(landmarks: Landmarks, picture: UInt8[np.ndarray, "h w 3"]) -> bool:
    x, y = landmarks[:, :2].mean(0)
    return not (0 <= x < picture.shape[1] and 0 <= y < picture.shape[0])
