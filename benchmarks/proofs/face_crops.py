"""Faces in video: detection, 478 landmarks, tracks, and the upright crop a recogniser is fed.

Networks: BlazeFace (short range) and the face landmarks network of `face_landmarker_v2.task`
(Apache-2.0), run by OpenCV's own TFLite importer. Frames are uint8 [h, w, 3] in BGR order, as
OpenCV reads them; points are (x, y) in pixels of the frame.
"""

import hashlib
import os
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from dfer_jax.errors import UserError

MODEL_SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
_DETECTOR_SIDE, _LANDMARK_SIDE = 128, 256
_RIGHT_EYE, _LEFT_EYE = (33, 133), (362, 263)  # landmarks at the corners of each eye
_FACE_POINTS = 468  # the other ten are the irises


class Networks(NamedTuple):
    """The two networks of the model file."""

    detector: cv2.dnn.Net
    landmarks: cv2.dnn.Net


class Face(NamedTuple):
    """One detection: box (centre x, centre y, width, height), six key points, score in [0, 1]."""

    box: Float[np.ndarray, "4"]
    keypoints: Float[np.ndarray, "6 2"]
    score: float


class Track(NamedTuple):
    """One face followed through a video: the frames it was seen in, and its crops."""

    frames: list[int]
    crops: list[UInt8[np.ndarray, "s s 3"]]


def load_networks(path: str) -> Networks:
    """Reads `face_landmarker_v2.task`.

    Raises:
        UserError: if the file is missing or is another file.
    """
    try:
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"cannot read the face model {path}: {error.strerror}") from error
    if found != MODEL_SHA256:
        raise UserError(
            f"{path} is not the float16 face_landmarker_v2.task: its sha256 is {found}, "
            f"expected {MODEL_SHA256}; fetch MediaPipe's published file again"
        )
    # OpenCV 5.0 ignores the engine for a network given as bytes, and its newer engine finds only
    # one output of these networks, so they are read from files.
    engine = (cv2.dnn.ENGINE_CLASSIC,) if hasattr(cv2.dnn, "ENGINE_CLASSIC") else ()
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(path) as bundle:
        names = ("face_detector.tflite", "face_landmarks_detector.tflite")
        paths = [bundle.extract(name, folder) for name in names]
        return Networks(*(cv2.dnn.readNetFromTFLite(p, *engine) for p in paths))


def decode_faces(
    regressors: Float[np.ndarray, "896 16"],
    scores: Float[np.ndarray, " 896"],
    *,
    threshold: float = 0.5,
) -> list[Face]:
    """Returns the faces in the detector's raw output, in pixels of its 128x128 input, best first.

    Candidates whose centre lies within half a box of the best one are averaged with their scores
    as weights; the rest is searched again for further faces.

    Args:
        regressors: per anchor box centre (relative to it), size, and six key points.
        scores: per anchor logit.
        threshold: least score of a candidate, in [0, 1].
    """
    score = 1 / (1 + np.exp(-np.clip(scores.astype(np.float64), -80, 80)))
    values = regressors.astype(np.float64).reshape(-1, 8, 2)
    values[:, [0, 2, 3, 4, 5, 6, 7]] += _anchors()[:, None]  # all but the size are relative
    keep = score >= threshold
    score, values = score[keep], values[keep]
    faces = []
    while len(score):
        best = values[score.argmax()]
        near = (np.abs(values[:, 0] - best[0]) < best[1] / 2).all(axis=1)
        near[score.argmax()] = True  # also when its size is not positive
        mean = np.average(values[near], axis=0, weights=score[near])
        faces.append(Face(mean[:2].ravel(), mean[2:], float(score[near].max())))
        score, values = score[~near], values[~near]
    return faces


def _anchors() -> Float[np.ndarray, "896 2"]:
    """Anchor centres in pixels: a 16x16 grid with 2 per cell, then an 8x8 grid with 6."""
    centres = []
    for grid, count in ((16, 2), (8, 6)):
        y, x = np.divmod(np.arange(grid * grid), grid)
        cells = (np.stack([x, y], axis=1) + 0.5) * (_DETECTOR_SIDE / grid)
        centres.append(np.repeat(cells, count, axis=0))
    return np.concatenate(centres)


def detect_faces(networks: Networks, frame: UInt8[np.ndarray, "h w 3"]) -> list[Face]:
    """Returns the faces of a frame, best first."""
    height, width = frame.shape[:2]
    scale = _DETECTOR_SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    x, y = ((_DETECTOR_SIDE - side) // 2 for side in size)
    canvas = np.zeros((_DETECTOR_SIDE, _DETECTOR_SIDE, 3), np.uint8)
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    canvas[y : y + size[1], x : x + size[0]] = cv2.resize(frame, size, interpolation=interpolation)
    blob = cv2.dnn.blobFromImage(canvas, 1 / 127.5, mean=(127.5,) * 3, swapRB=True)
    networks.detector.setInput(blob)
    regressors, scores = networks.detector.forward(["regressors", "classificators"])
    return [
        Face(
            (face.box - [x, y, 0, 0]) / scale,
            (face.keypoints - [x, y]) / scale,
            face.score,
        )
        for face in decode_faces(regressors[0], scores[0, :, 0])
    ]


def find_landmarks(
    networks: Networks, frame: UInt8[np.ndarray, "h w 3"], face: Face
) -> Float[np.ndarray, "478 2"]:
    """Returns the landmarks of a detected face."""
    side = 1.5 * face.box[2:].max()
    warp = upright_warp(
        face.box[:2], face.keypoints[1] - face.keypoints[0], side=side, size=_LANDMARK_SIDE
    )
    crop = cv2.warpAffine(frame, warp, (_LANDMARK_SIDE, _LANDMARK_SIDE))
    networks.landmarks.setInput(cv2.dnn.blobFromImage(crop, 1 / 255, swapRB=True))
    points = networks.landmarks.forward("Identity").reshape(478, 3)[:, :2]
    return cv2.transform(points[None].astype(np.float64), cv2.invertAffineTransform(warp))[0]


def upright_warp(
    centre: Float[np.ndarray, "2"], eye_line: Float[np.ndarray, "2"], *, side: float, size: int
) -> Float[np.ndarray, "2 3"]:
    """Returns the map from frame to crop that puts `centre` in the middle and levels the eyes.

    Args:
        centre: point of the frame.
        eye_line: vector from the eye on the left of the picture to the other one.
        side: side of the square in pixels of the frame.
        size: side of the crop in pixels.
    """
    cos, sin = eye_line / np.hypot(*eye_line) * (size / side)
    linear = np.array([[cos, sin], [-sin, cos]])
    return np.column_stack([linear, size / 2 - linear @ centre])


def crop_face(
    frame: UInt8[np.ndarray, "h w 3"],
    landmarks: Float[np.ndarray, "478 2"],
    *,
    size: int = 224,
    margin: float = 0.18,
) -> UInt8[np.ndarray, "{size} {size} 3"]:
    """Returns the upright square around the landmarks, borders replicated.

    Args:
        frame: the picture.
        landmarks: of one face in it.
        size: side of the crop in pixels.
        margin: added on each side, as a share of the larger extent of the upright landmarks.
    """
    eyes = [landmarks[list(corners)].mean(axis=0) for corners in (_RIGHT_EYE, _LEFT_EYE)]
    face = landmarks[:_FACE_POINTS]
    centre, eye_line = face.mean(axis=0), eyes[1] - eyes[0]
    level = cv2.transform(face[None], upright_warp(centre, eye_line, side=1.0, size=1))[0]
    side = np.ptp(level, axis=0).max() * (1 + 2 * margin)
    warp = upright_warp(centre, eye_line, side=side, size=size)
    return cv2.warpAffine(frame, warp, (size, size), borderMode=cv2.BORDER_REPLICATE)


def follow_faces(
    networks: Networks, frames: Iterable[UInt8[np.ndarray, "h w 3"]], *, size: int = 224
) -> list[Track]:
    """Returns one track per face: a detection continues the track whose last box it overlaps most.

    Args:
        networks: of `load_networks`.
        frames: the video in time order.
        size: side of the crops in pixels.
    """
    tracks: list[tuple[Track, np.ndarray]] = []
    for number, frame in enumerate(frames):
        for face in detect_faces(networks, frame):
            free = [t for t in tracks if not t[0].frames or t[0].frames[-1] < number]
            overlaps = [_overlap(last, face.box) for _, last in free]
            if overlaps and max(overlaps) > 0.3:
                track, last = free[int(np.argmax(overlaps))]
                last[:] = face.box
            else:
                track = Track([], [])
                tracks.append((track, face.box.copy()))
            track.frames.append(number)
            landmarks = find_landmarks(networks, frame, face)
            track.crops.append(crop_face(frame, landmarks, size=size))
    return [track for track, _ in tracks]


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes (centre, size)."""
    low = np.maximum(a[:2] - a[2:] / 2, b[:2] - b[2:] / 2)
    high = np.minimum(a[:2] + a[2:] / 2, b[:2] + b[2:] / 2)
    common = float(np.prod(np.maximum(high - low, 0)))
    return common / (float(np.prod(a[2:]) + np.prod(b[2:])) - common)


def read_video(path: str) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """Yields the frames of a video.

    Raises:
        UserError: if it cannot be opened or holds no frame.
    """
    video = cv2.VideoCapture(path) if os.path.isfile(path) else None
    number = 0
    try:
        while video and (answer := video.read())[0]:
            number += 1
            yield answer[1]
    finally:
        if video:
            video.release()
    if not number:
        raise UserError(f"{path} is no video that OpenCV can read; give the path of an mp4 file")
