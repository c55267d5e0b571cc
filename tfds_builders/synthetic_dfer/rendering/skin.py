"""What a face is painted with: one texture per person, laid out in the rest pose.

The texture unrolls the head around its vertical axis, so whatever is painted on it (lips, brows,
stubble, hair) moves with the skin. Below the unrolled head lie a tile for the eyes and a white one
for everything whose colour does not vary (teeth, tongue, lashes).
"""

import dataclasses
import functools

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from tfds_builders.synthetic_dfer.rendering import face, raster

WIDTH, SKIN_HEIGHT, HEIGHT = 512, 256, 328  # texels
_TEXELS = 96  # per dm of height
_AXIS_Z = -0.75  # dm, position of the head's axis
_TOP = 1.25  # dm, height of the first row
_EYE_TILE = (8, SKIN_HEIGHT + 8, 56)  # left, top, side
_WHITE = (100.0, SKIN_HEIGHT + 30.0)
_EYE_RADIUS = 0.145  # dm


@dataclasses.dataclass(frozen=True)
class Look:
    """A person's colours and painted features; RGB colours are in [0, 1].

    Attributes:
        skin: colour of the skin.
        hair: colour of hair, brows and stubble.
        iris: colour of the irises.
        lips: colour mixed into the lips, and `lip_strength` how much of it.
        lip_strength: 0 to 1.
        brow: darkness of the brows, 0 to 1.
        brow_thickness: factor on the thickness of the brows.
        brow_height: dm the brows lie above the usual place.
        brow_slope: rise of the brows' outer end, dm.
        stubble: darkness of the beard, 0 to 1.
        hairline: height of the hairline above the eyes in dm; above 1.2 the person is bald.
        hair_side: angle from the front (radians) where hair starts at the side of the face.
        hair_volume: dm that hair stands off the skull.
        glasses: darkness of spectacle frames, 0 for none.
        blotch: strength of uneven skin.
        seed: seed of the skin's noise.
    """

    skin: tuple[float, float, float]
    hair: tuple[float, float, float]
    iris: tuple[float, float, float]
    lips: tuple[float, float, float]
    lip_strength: float
    brow: float
    brow_thickness: float
    brow_height: float
    brow_slope: float
    stubble: float
    hairline: float
    hair_side: float
    hair_volume: float
    glasses: float
    blotch: float
    seed: int


_SKIN_TONES = np.array(
    [[0.95, 0.80, 0.71], [0.88, 0.69, 0.56], [0.74, 0.53, 0.40], [0.52, 0.35, 0.25],
     [0.33, 0.22, 0.17]]
)  # fmt: skip
_HAIR = np.array(
    [[0.06, 0.05, 0.05], [0.20, 0.12, 0.08], [0.36, 0.22, 0.12], [0.66, 0.50, 0.28],
     [0.48, 0.20, 0.10], [0.62, 0.61, 0.60]]
)  # fmt: skip
_IRIS = np.array([[0.20, 0.11, 0.06], [0.36, 0.22, 0.10], [0.30, 0.38, 0.26], [0.30, 0.45, 0.58]])


def sample_look(rng: np.random.Generator, shape: face.Shape) -> Look:
    """Draws colours and painted features that fit the person's shape (age, gender, origin)."""
    tone = 3.2 * shape.african + 1.3 * shape.asian + 0.5 * shape.caucasian + rng.normal(0, 0.4)
    skin = _mix(_SKIN_TONES, tone) * rng.uniform(0.95, 1.04, 3)
    fair = shape.caucasian > 0.5
    hair_row = rng.integers(0, 5) if fair else rng.choice([0, 0, 0, 1])
    if shape.old > 0.55 and rng.random() < 0.7:
        hair_row = 5
    iris_row = rng.integers(0, 4) if fair else rng.integers(0, 2)
    made_up = shape.male < 0.4 and rng.random() < 0.5
    man = shape.male > 0.6
    bald = man and rng.random() < 0.15
    return Look(
        skin=_color(skin),
        hair=_color(_HAIR[hair_row] * rng.uniform(0.8, 1.2)),
        iris=_color(_IRIS[iris_row] * rng.uniform(0.8, 1.2)),
        lips=_color([0.62, 0.16, 0.20] if made_up else skin * [0.80, 0.52, 0.50]),
        lip_strength=float(rng.uniform(0.35, 0.8)),
        brow=float(rng.uniform(0.55, 0.95)),
        brow_thickness=float(rng.uniform(0.75, 1.5) if man else rng.uniform(0.6, 1.1)),
        brow_height=float(rng.normal(0, 0.012)),
        brow_slope=float(rng.uniform(0.02, 0.07)),
        stubble=float(max(0, rng.uniform(-0.3, 0.6)) if man else 0),
        hairline=1.4 if bald else float(rng.uniform(0.52, 0.78) + 0.12 * man * shape.old),
        hair_side=float(rng.uniform(1.05, 1.3) if man else rng.uniform(0.85, 1.25)),
        hair_volume=float(rng.uniform(0.0, 0.12)),
        glasses=float(rng.uniform(0.6, 1) if rng.random() < 0.12 else 0),
        blotch=float(rng.uniform(0.3, 1.2)),
        seed=int(rng.integers(2**31)),
    )


def _color(rgb) -> tuple[float, float, float]:
    return tuple(float(x) for x in np.clip(rgb, 0, 1))


def _mix(table: np.ndarray, position: float) -> np.ndarray:
    position = float(np.clip(position, 0, len(table) - 1))
    low = min(int(position), len(table) - 2)
    return table[low] + (position - low) * (table[low + 1] - table[low])


@functools.cache
def texture_coordinates() -> Float32[np.ndarray, "v 2"]:
    """Returns float32 [v, 2]: where on the texture each vertex lies, in texels."""
    head = face.load_head()
    x, y, z = head.vertices.T
    angle = np.arctan2(x, z - _AXIS_Z)
    uv = np.stack([WIDTH / 2 + angle * WIDTH / (2 * np.pi), (_TOP - y) * _TEXELS], 1)
    left, top, side = _EYE_TILE
    for part in (face.LEFT_EYE, face.RIGHT_EYE):
        eye = head.part == part
        center = head.vertices[eye].mean(0)
        on_tile = (head.vertices[eye, :2] - center[:2]) * [1, -1] / _EYE_RADIUS
        uv[eye] = (left + side / 2, top + side / 2) + on_tile * side / 2
    uv[head.part >= face.TEETH] = _WHITE
    return uv.astype(np.float32)


@dataclasses.dataclass(frozen=True)
class SkinMap:
    """The rest pose as seen from the texture; all arrays are float32 [SKIN_HEIGHT, WIDTH].

    Attributes:
        x: position in dm; so are `y` and `z`.
        angle: azimuth from the front, radians.
        lips: mask in [0, 1]; so is `eyelids`.
    """

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    angle: np.ndarray
    lips: np.ndarray
    eyelids: np.ndarray


@functools.cache
def skin_map() -> SkinMap:
    """Returns the map from texels to the rest pose (drawn once per process)."""
    head = face.load_head()
    outer = (head.part[head.triangles] == face.SKIN).all(1)
    outer &= head.mouth_inside[head.triangles].max(1) < 0.5
    uv = texture_coordinates()
    outer &= np.ptp(uv[head.triangles, 0], axis=1) < WIDTH / 2
    radius = np.hypot(head.vertices[:, 0], head.vertices[:, 2] - _AXIS_Z)
    values = np.stack([*head.vertices.T, head.lips, head.eyelids])
    drawn, covered = raster.rasterize(
        uv, radius, head.triangles[outer], values, height=SKIN_HEIGHT, width=WIDTH
    )
    nowhere = np.array([-9, -9, -9, 0, 0], np.float32)[:, None, None]
    x, y, z, lips, eyelids = np.where(covered, drawn, nowhere)
    angle = (np.arange(WIDTH, dtype=np.float32) + 0.5 - WIDTH / 2) * (2 * np.pi / WIDTH)
    angle = np.broadcast_to(angle, x.shape)
    return SkinMap(x=x, y=y, z=z, angle=angle, lips=lips, eyelids=eyelids)


def paint(look: Look) -> UInt8[np.ndarray, "h w 3"]:
    """Returns the person's texture, uint8 RGB [HEIGHT, WIDTH, 3]."""
    place = skin_map()
    rng = np.random.default_rng(look.seed)
    skin = np.empty((SKIN_HEIGHT, WIDTH, 3), np.float32)
    skin[:] = look.skin
    skin *= (1 + look.blotch * (0.05 * _noise(rng, 12) + 0.03 * _noise(rng, 60)))[..., None]
    flush = 0.10 * _blobs(place, [(-0.40, -0.38), (0.40, -0.38), (0, -0.40)], 0.16)
    skin *= 1 - flush[..., None] * np.array([0.0, 0.8, 0.8], np.float32)
    _blend(skin, look.lips, place.lips * look.lip_strength)
    skin *= (1 - 0.12 * place.eyelids)[..., None]
    _blend(skin, look.hair, look.stubble * _beard(place) * (0.85 + 0.15 * _noise(rng, 140)))
    brows = look.brow * _brows(place, look) * (0.95 + 0.15 * _noise(rng, 140))
    _blend(skin, np.multiply(look.hair, 0.6), brows)
    grain = (1 + 0.25 * _noise(rng, 70))[..., None] * np.array(look.hair, np.float32)
    _blend(skin, grain, hair_mask(place.y + 0.03 * _noise(rng, 50), place.angle, look))
    _blend(skin, (0.05, 0.05, 0.06), look.glasses * _frames(place))
    texture = np.ones((HEIGHT, WIDTH, 3), np.float32)
    texture[:SKIN_HEIGHT] = skin
    left, top, side = _EYE_TILE
    texture[top - 8 : top + side + 8, left - 8 : left + side + 8] = _eye(look)
    return (np.clip(texture, 0, 1) * 255 + 0.5).astype(np.uint8)


def _blend(image: np.ndarray, color, weight: np.ndarray) -> None:
    """Mixes `color` into `image` in place."""
    weight = np.clip(weight, 0, 1)[..., None]
    image += weight * (np.asarray(color, np.float32) - image)


def _noise(rng: np.random.Generator, cells: int) -> np.ndarray:
    """Returns smooth noise of about unit variance with `cells` cells over the width."""
    grid = rng.standard_normal((cells // 2 + 2, cells + 2)).astype(np.float32)
    return cv2.resize(grid, (WIDTH, SKIN_HEIGHT), interpolation=cv2.INTER_CUBIC)


def _smooth(value: np.ndarray, low: float | np.ndarray, high: float | np.ndarray) -> np.ndarray:
    """Returns 0 below `low`, 1 above `high`, smooth between (either order)."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _blobs(place: SkinMap, centers, radius: float) -> np.ndarray:
    total = np.zeros_like(place.x)
    for x, y in centers:
        total += np.exp(-((place.x - x) ** 2 + (place.y - y) ** 2) / (2 * radius**2))
    return total


def _brows(place: SkinMap, look: Look) -> np.ndarray:
    """Returns the mask of the brows: an arc that rises outwards and tapers."""
    along = np.clip((np.abs(place.x) - 0.085) / (0.53 - 0.085), 0, 1)
    arc = np.sin(np.pi * np.clip(along * 0.75, 0, 1))
    center = 0.22 + look.brow_height + look.brow_slope * arc
    half = look.brow_thickness * (0.038 - 0.022 * along)
    inside = _smooth(np.abs(place.y - center), 1.3 * half, 0.55 * half)
    ends = _smooth(np.abs(place.x), 0.06, 0.11) * _smooth(np.abs(place.x), 0.56, 0.46)
    return inside * ends * (place.z > -0.55)


def _beard(place: SkinMap) -> np.ndarray:
    """Returns the mask of the beard: jaw, chin and above the lip."""
    low = _smooth(place.y, -0.46, -0.56) * _smooth(np.abs(place.angle), 1.6, 1.3)
    cheek = _smooth(place.y + 0.55 * np.abs(place.x), -0.28, -0.42)
    return low * cheek * (1 - place.lips)


def hair_mask(y: np.ndarray, angle: np.ndarray, look: Look) -> np.ndarray:
    """Returns the mask of the hair in [0, 1] for heights (dm) and azimuths (radians)."""
    if look.hairline > 1.2:
        return np.zeros_like(y)
    top = _smooth(y - look.hairline + 0.10 * (1 - np.cos(2 * angle)), -0.03, 0.03)
    side = _smooth(np.abs(angle), look.hair_side - 0.04, look.hair_side + 0.04)
    side = side * _smooth(y, -0.35, -0.2)
    return np.maximum(top, side)


def _frames(place: SkinMap) -> np.ndarray:
    """Returns the mask of spectacle frames: two rings, a bridge and the arms."""
    radius = np.hypot((np.abs(place.x) - 0.31) / 1.15, place.y + 0.02)
    rings = _smooth(np.abs(radius - 0.235), 0.030, 0.012)
    bridge = (np.abs(place.x) < 0.06) & (np.abs(place.y - 0.03) < 0.018)
    arms = (np.abs(place.x) > 0.56) & (np.abs(place.y - 0.04) < 0.018)
    return np.maximum(rings, bridge | arms) * (np.abs(place.angle) < 1.6)


def _eye(look: Look) -> np.ndarray:
    """Returns the tile of an eyeball: sclera, iris, pupil."""
    side = _EYE_TILE[2]
    axis = (np.arange(side + 16, dtype=np.float32) + 0.5 - (side + 16) / 2) / (side / 2)
    radius = np.hypot(axis[None, :], axis[:, None])
    tile = np.empty((side + 16, side + 16, 3), np.float32)
    tile[:] = (0.90, 0.87, 0.85)
    tile *= (1 - 0.25 * _smooth(radius, 0.6, 1.0))[..., None]
    _blend(tile, np.array(look.iris) * 0.45, _smooth(radius, 0.50, 0.44))
    _blend(tile, look.iris, _smooth(radius, 0.44, 0.34))
    _blend(tile, (0.02, 0.02, 0.02), _smooth(radius, 0.23, 0.17))
    glint = np.hypot(axis[None, :] + 0.18, axis[:, None] + 0.15)
    _blend(tile, (1, 1, 1), 0.9 * _smooth(glint, 0.12, 0.05))
    return tile
