"""Draws one frame: shaded head over a background, something in the way, camera and compression."""

import dataclasses

import cv2
import numpy as np
from jaxtyping import Float32

from tfds_builders.synthetic_dfer.rendering import expression, face, raster, skin

SIZE = 112  # pixels, side of a frame
_SUPERSAMPLED = 168  # pixels, side of the drawing before it is averaged down to SIZE
_CAMERA = 15 * face.EYE_DISTANCE  # dm, distance of the camera
_EYE_SPAN = 0.325  # of the frame's side: distance of the eyes at zoom 1
_EYE_LEVEL = 0.38  # of the frame's side: height of the eyes, from the top


@dataclasses.dataclass(frozen=True)
class Person:
    """All that stays the same from frame to frame about one person.

    Attributes:
        face: the shape.
        texture: uint8 [h, w, 3], see `skin.paint`.
        tint: float32 [v, 3], colour factor of parts that the texture leaves white or wrong.
        hair: float32 [v, 3], offset of the hair from the skull, dm.
        shine: float32 [v], strength of the highlight.
        fold: depth of expression lines (1 for a young adult).
    """

    face: face.Face
    texture: np.ndarray
    tint: np.ndarray
    hair: np.ndarray
    shine: np.ndarray
    fold: float


@dataclasses.dataclass(frozen=True)
class Light:
    """One key light and what comes from everywhere.

    Attributes:
        direction: towards the light, (x right, y up, z towards the camera); need not be unit.
        color: RGB of the key light.
        key: strength of the key light.
        ambient: strength of the light from everywhere.
    """

    direction: tuple[float, float, float]
    color: tuple[float, float, float]
    key: float
    ambient: float


@dataclasses.dataclass(frozen=True)
class View:
    """Where the head is in one frame.

    Attributes:
        yaw: radians, positive turns the person's face to the right of the image.
        pitch: radians, positive looks down.
        roll: radians, positive turns clockwise in the image.
        shift: (right, down) displacement in shares of the frame's side.
        zoom: factor on the size.
    """

    yaw: float
    pitch: float
    roll: float
    shift: tuple[float, float]
    zoom: float


def build_person(shape: face.Shape, look: skin.Look) -> Person:
    """Returns everything about a person that does not change from frame to frame."""
    head = face.load_head()
    built = face.build_face(shape)
    tint = np.ones((len(head.part), 3), np.float32)
    tint += head.mouth_inside[:, None] * (np.array([0.42, 0.16, 0.15], np.float32) - 1)
    tint[head.part == face.TEETH] = (0.90, 0.88, 0.82)
    tint[head.part == face.TONGUE] = (0.70, 0.34, 0.34)
    tint[head.part == face.LASHES] = (0.10, 0.07, 0.06)
    eyes = (head.part == face.LEFT_EYE) | (head.part == face.RIGHT_EYE)
    shade = 1 - 0.45 * np.clip(head.vertices[:, 1] / 0.07, 0, 1)  # of the upper lid
    tint[eyes] *= shade[eyes, None]
    x, y, z = head.vertices.T
    volume = skin.hair_mask(y - 0.05, np.arctan2(x, z + 0.75), look) * (head.part == face.SKIN)
    normals = face.vertex_normals(built.rest, head)
    shine = np.where(head.part == face.SKIN, 0.10 + 0.12 * head.lips, 0).astype(np.float32)
    return Person(
        face=built,
        texture=skin.paint(look),
        tint=tint,
        hair=(look.hair_volume * volume[:, None] * normals).astype(np.float32),
        shine=shine * (1 - volume.astype(np.float32)),
        fold=0.7 + 0.6 * shape.old,
    )


def render_head(
    person: Person, coefficients: Float32[np.ndarray, " u"], view: View, light: Light
) -> tuple[Float32[np.ndarray, "h w 3"], Float32[np.ndarray, "h w 1"]]:
    """Draws the head alone.

    Args:
        person: whose head.
        coefficients: float32 [u], weights of the expression units.
        view: pose and place in the frame.
        light: the light, fixed to the camera.

    Returns:
        RGB float32 [SIZE, SIZE, 3] in [0, 1], already multiplied by the coverage, and the
        coverage float32 [SIZE, SIZE, 1].
    """
    head = face.load_head()
    vertices = person.face.deform(coefficients)
    depth_tint = _mouth_shadow(vertices, head)
    turn = _rotation(view).astype(np.float32)
    normals = np.einsum("ij,vj->vi", turn, face.vertex_normals(vertices, head))
    turned = np.einsum("ij,vj->vi", turn, vertices + person.hair)
    lit = _shade(normals, person, light) * depth_tint
    gloss = _gloss(normals, person, light)
    attributes = np.stack([*skin.texture_coordinates().T, *lit.T, gloss])
    side = _SUPERSAMPLED
    drawn, covered = raster.rasterize(
        _project(turned, view), turned[:, 2], head.triangles, attributes, height=side, width=side
    )
    lines = expression.draw_lines(coefficients, strength=person.fold)
    u, v = drawn[0] - np.float32(0.5), drawn[1] - np.float32(0.5)
    mask = covered.astype(np.float32)
    dark = cv2.remap(
        lines,
        u - np.float32(expression.LINES_LEFT),
        v - np.float32(expression.LINES_TOP),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=1,
    )
    dark *= mask / np.float32(255)
    shine = drawn[5] * mask
    skin_color = cv2.remap(person.texture, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    lit_colors = zip(cv2.split(skin_color), drawn[2:5], strict=True)
    planes = [color * lit_map * dark + shine for color, lit_map in lit_colors]
    image = cv2.merge([*planes, mask])
    small = cv2.resize(image, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    return np.minimum(small[..., :3], 1), small[..., 3:]


def project(
    person: Person, coefficients: Float32[np.ndarray, " u"], view: View
) -> Float32[np.ndarray, "v 2"]:
    """Returns where the vertices of `face.load_head()` lie in a frame, x, y in its pixels."""
    turn = _rotation(view).astype(np.float32)
    turned = np.einsum("ij,vj->vi", turn, person.face.deform(coefficients))
    return _project(turned, view) * np.float32(SIZE / _SUPERSAMPLED)


def _mouth_shadow(vertices: np.ndarray, head: face.Head) -> np.ndarray:
    """Returns float32 [v, 1]: things inside the mouth darken with their depth behind the lips."""
    lips = vertices[head.lips > 0.5, 2].mean()
    inside = np.maximum(head.mouth_inside, (head.part == face.TEETH) | (head.part == face.TONGUE))
    dark = np.clip(1.05 - 2.2 * (lips - vertices[:, 2]), 0.12, 1)
    return (1 - inside * (1 - dark))[:, None].astype(np.float32)


def _rotation(view: View) -> np.ndarray:
    """Returns the rotation matrix [3, 3] of a pose: first pitch, then yaw, then roll."""
    (cy, cp, cr), (sy, sp, sr) = (f([view.yaw, view.pitch, view.roll]) for f in (np.cos, np.sin))
    pitch = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    roll = np.array([[cr, sr, 0], [-sr, cr, 0], [0, 0, 1]])
    return roll @ yaw @ pitch


def _project(vertices: np.ndarray, view: View) -> np.ndarray:
    """Returns image points float32 [v, 2] in pixels of the supersampled frame."""
    # Turn about a point behind the eyes, as if a face detector had centred the face roughly.
    axis = _rotation(view) @ np.array([0, 0, -0.3])
    scale = view.zoom * _EYE_SPAN * _SUPERSAMPLED / face.EYE_DISTANCE
    scale = np.float32(scale) / (1 - vertices[:, 2] / np.float32(_CAMERA))
    x = (0.5 + view.shift[0]) * _SUPERSAMPLED + (vertices[:, 0] - np.float32(axis[0])) * scale
    y = (_EYE_LEVEL + view.shift[1]) * _SUPERSAMPLED
    y = y - (vertices[:, 1] - np.float32(axis[1])) * scale
    return np.stack([x, y], axis=1).astype(np.float32)


def _shade(normals: np.ndarray, person: Person, light: Light) -> np.ndarray:
    """Returns RGB light on the vertices, float32 [v, 3]: wrapped Lambert plus ambient, tinted."""
    direction = np.asarray(light.direction, np.float32)
    direction = direction / np.linalg.norm(direction)
    facing = normals[:, 0] * direction[0] + normals[:, 1] * direction[1]
    facing = facing + normals[:, 2] * direction[2]
    key = light.key * np.maximum((facing + 0.25) / 1.25, 0)
    ambient = light.ambient * (0.8 + 0.2 * normals[:, 1])
    color = np.asarray(light.color, np.float32)
    return ((key[:, None] * color + ambient[:, None]) * person.tint).astype(np.float32)


def _gloss(normals: np.ndarray, person: Person, light: Light) -> np.ndarray:
    """Returns the highlight float32 [v] (Blinn, exponent 16)."""
    half = np.asarray(light.direction, np.float64) / np.linalg.norm(light.direction) + [0, 0, 1]
    half = (half / np.linalg.norm(half)).astype(np.float32)
    facing = normals[:, 0] * half[0] + normals[:, 1] * half[1] + normals[:, 2] * half[2]
    return light.key * person.shine * np.maximum(facing, 0) ** 16
