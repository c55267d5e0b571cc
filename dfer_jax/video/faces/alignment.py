"""Cuts faces out of pictures: one function for training crops, prediction, evaluation and export.

A network reads a face well only if it is cut as those it was trained with. So the settings travel:
`dfer crop` keeps them beside the frames, builders in the data set, training in the checkpoint.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from dfer_jax.errors import UserError
from dfer_jax.video.faces.landmarks import (
    MOUTH,
    NOSE_TIP,
    Landmarks,
    box_of,
    eye_centres,
    region_of_landmarks,
)
from dfer_jax.video.faces.landmarks import NUM_FACE_POINTS as _FACE
from dfer_jax.video.faces.sampling import Square, sample

ALIGNMENTS = ("upright", "box", "seetaface", "arcface")
DETECTOR = "face_landmarker_v2"

_TEMPLATES = {  # shares of the side: right eye, left eye, nose tip, corners of the mouth
    # VIPL, SeetaFaceEngine2, mean shape of 256 x 256
    "seetaface": (
        np.array([[89.3095, 72.9025], [169.3095, 72.9025], [127.8949, 127.0441]]) / 256,
        np.array([[96.8796, 184.8907], [159.1065, 184.7601]]) / 256,
    ),
    # Deng et al. 2019, ArcFace: the five points that RetinaFace's crops of 112 x 112 are warped to
    "arcface": (
        np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366]]) / 112,
        np.array([[41.5493, 92.3655], [70.7299, 92.2041]]) / 112,
    ),
}
_SIZES = (16, 1024)
_MARGINS = (-0.3, 2.0)


@dataclasses.dataclass(frozen=True)
class CropSettings:
    """How faces are cut out of pictures.

    Attributes:
        size: of the crop, in pixels a side.
        margin: what is added on each side, as a share of the extent of the face's landmarks; of
            the templates, as a share of their side.
        alignment: "upright", a square turned so that the eyes are level; "box", a square that is
            not turned; "seetaface" or "arcface", eyes, nose and mouth moved, turned and scaled to
            where that system has them.
        detector: what found the face.

    Raises:
        UserError: if a value is none of these.
    """

    size: int = 224
    margin: float = 0.18
    alignment: str = "upright"
    detector: str = DETECTOR

    def __post_init__(self) -> None:
        if not _SIZES[0] <= self.size <= _SIZES[1]:
            raise UserError(f"crop size {self.size}: give whole pixels, {_SIZES[0]}..{_SIZES[1]}")
        if not _MARGINS[0] <= self.margin <= _MARGINS[1]:  # nor if it is not a number
            raise UserError(
                f"crop margin {self.margin}: give a share of the face, "
                f"{_MARGINS[0]:g}..{_MARGINS[1]:g}"
            )
        if self.alignment not in ALIGNMENTS:
            known = ", ".join(ALIGNMENTS)
            raise UserError(f"crop alignment {self.alignment!r}: choose from {known}")

    def to_json(self) -> dict[str, Any]:
        """Returns the settings as plain values, for a JSON file."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: object) -> "CropSettings":
        """Returns the settings that `to_json` gave.

        Raises:
            UserError: if these are others, e.g. of a file that a person changed.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        if not isinstance(values, Mapping) or set(values) != known:
            raise UserError(f"crop settings must hold {', '.join(sorted(known))} and nothing else")
        kinds = {"size": int, "margin": int | float, "alignment": str, "detector": str}
        for name, kind in kinds.items():
            if not isinstance(values[name], kind) or isinstance(values[name], bool):
                raise UserError(f"crop settings: {name} is {values[name]!r}")
        return cls(**{**values, "margin": float(values["margin"])})

    def differences(self, other: "CropSettings") -> list[str]:
        """Returns what differs from other settings but for the size, `field: this, other` each.

        Sizes are no difference, for networks scale what they read.
        """
        return [
            f"{field.name}: {mine}, {theirs}"
            for field in dataclasses.fields(self)
            if field.name != "size"
            and (mine := getattr(self, field.name)) != (theirs := getattr(other, field.name))
        ]


LIKE = {
    "dfew": CropSettings(224, 0.0, "seetaface"),
    "aff_wild2": CropSettings(112, 0.0, "arcface"),
    "vggface2": CropSettings(224, 0.15, "box"),
}
"""Settings whose crops look like those of a release: DFEW's were aligned by SeetaFace (Jiang et al.
2020, section 3), Aff-Wild2's are the five points of RetinaFace warped (Kollias 2022), VGGFace2's
boxes are grown by 30 % (Cao et al. 2018, section 5). The detectors of the releases are others."""


def crop_face(
    picture: UInt8[np.ndarray, "h w 3"], landmarks: Landmarks, settings: CropSettings
) -> UInt8[np.ndarray, "size size 3"]:
    """Returns a face cut out of a picture; beyond the picture's edges its edge pixels repeat.

    Args:
        picture: RGB in 0..255.
        landmarks: of the face, x, y, z in pixels of the picture.
        settings: size, margin, alignment.
    """
    return sample(picture, _square(landmarks, settings).to_picture(settings.size), settings.size)


def _square(landmarks: Landmarks, settings: CropSettings) -> Square:
    grown = 1 + 2 * settings.margin
    if settings.alignment in _TEMPLATES:
        return _fitted(landmarks, np.concatenate(_TEMPLATES[settings.alignment]), grown)
    if settings.alignment == "box":
        x, y, width, height = box_of(landmarks)
        return Square(x + width / 2, y + height / 2, max(width, height) * grown)
    angle = _eyes_angle(landmarks)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    upright = landmarks[:_FACE, :2] @ turn.T
    low, high = upright.min(0), upright.max(0)
    x, y = turn.T @ ((low + high) / 2)
    return Square(float(x), float(y), float((high - low).max()) * grown, angle)


def _eyes_angle(landmarks: Landmarks) -> float:
    (right_x, right_y), (left_x, left_y) = eye_centres(landmarks)
    return math.atan2(left_y - right_y, left_x - right_x)


def _fitted(landmarks: Landmarks, template: Float[np.ndarray, "5 2"], grown: float) -> Square:
    """Returns the square in which five points lie nearest to a template's (Umeyama 1991)."""
    points = np.concatenate(
        [eye_centres(landmarks), landmarks[[NOSE_TIP], :2], landmarks[list(MOUTH), :2]]
    ).astype(np.float64)
    middle, mean = points.mean(0), template.mean(0)
    here, there = ((p - m) @ (1, 1j) for p, m in ((points, middle), (template, mean)))
    fit = np.vdot(here, there) / np.vdot(here, here).real  # there = fit * here, turned and scaled
    if abs(fit) < 1e-9:
        return region_of_landmarks(landmarks)
    offset = complex(*(np.array([0.5, 0.5]) - mean)) / fit
    x, y = middle + np.array([offset.real, offset.imag])
    return Square(float(x), float(y), grown / abs(fit), float(-np.angle(fit)))
