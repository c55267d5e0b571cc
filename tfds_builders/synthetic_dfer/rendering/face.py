"""The head: its mesh, how one person differs from another, and how expressions move it.

Lengths are in decimetres, as in the source mesh; the origin lies between the eyes, x runs to the
person's left (right in the image), y up, z towards the camera.
"""

import dataclasses
import functools
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from dfer_jax.runtime.numpy_files import read_npz

SKIN, LEFT_EYE, RIGHT_EYE, TEETH, TONGUE, LASHES = range(6)
EYE_DISTANCE = 0.6155  # dm, between the centres of the eyes of every identity

_ASSET = Path(__file__).with_name("head_asset.npz")
_TARGET_STEP = 5e-4  # dm; unit of the integer targets, see make_asset.py


@dataclasses.dataclass(frozen=True)
class Head:
    """The mesh shared by all identities.

    Attributes:
        vertices: float32 [v, 3].
        triangles: int64 [f, 3].
        part: uint8 [v], one of `SKIN` ... `LASHES`.
        lips: float32 [v] in [0, 1]; so are `eyelids` and `mouth_inside`.
        unit_index: unit name -> row of `units`.
        units: float32 [u, v, 3], the displacement of each expression unit at weight 1.
        identity_index: target name -> row of `identity`.
        identity: float32 [i, v, 3].
        incident: int64 [3 f], the faces around vertex 0, then those around vertex 1, ...
        incident_start: int64 [v], where each vertex's faces start in `incident`.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    part: np.ndarray
    lips: np.ndarray
    eyelids: np.ndarray
    mouth_inside: np.ndarray
    unit_index: dict[str, int]
    units: np.ndarray
    identity_index: dict[str, int]
    identity: np.ndarray
    incident: np.ndarray
    incident_start: np.ndarray


@functools.cache
def load_head() -> Head:
    """Returns the head read from the asset beside this module (once per process, about 30 ms)."""
    asset = read_npz(_ASSET)
    triangles = asset["triangles"].astype(np.int64)
    lips, eyelids, inside = asset["masks"].astype(np.float32) / 255
    skin = asset["part"] == SKIN
    return Head(
        vertices=asset["vertices"],
        triangles=triangles,
        part=asset["part"],
        lips=lips * skin,
        eyelids=eyelids * skin,
        mouth_inside=inside * skin,
        unit_index={str(name): i for i, name in enumerate(asset["unit_names"])},
        units=asset["units"] * np.float32(_TARGET_STEP),
        identity_index={str(name): i for i, name in enumerate(asset["identity_names"])},
        identity=asset["identity"] * np.float32(_TARGET_STEP),
        incident=np.argsort(triangles.ravel(), kind="stable") // 3,
        incident_start=np.searchsorted(np.sort(triangles.ravel()), np.arange(len(skin))),
    )


def vertex_normals(vertices: Float32[np.ndarray, "v 3"], head: Head) -> Float32[np.ndarray, "v 3"]:
    """Returns unit normals float32 [v, 3], weighted by the area of the faces around."""
    a, b, c = (vertices.take(head.triangles[:, i], axis=0) for i in range(3))
    u, v = b - a, c - a
    faces = np.empty((len(head.triangles), 3), np.float32)
    faces[:, 0] = u[:, 1] * v[:, 2] - u[:, 2] * v[:, 1]
    faces[:, 1] = u[:, 2] * v[:, 0] - u[:, 0] * v[:, 2]
    faces[:, 2] = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    normals = np.add.reduceat(faces.take(head.incident, axis=0), head.incident_start, axis=0)
    length = np.sqrt(np.einsum("vi,vi->v", normals, normals))
    return normals / np.maximum(length, 1e-12)[:, None]


@dataclasses.dataclass(frozen=True)
class Shape:
    """What makes one person's head that person's.

    Attributes:
        male: 0 (female) to 1.
        old: 0 (young adult) to 1.
        african: share in the mix of three origins; so are `asian` and `caucasian`.
        weight: -1 (thin) to 1 (heavy).
        local: target name -> weight of a local form (nose, mouth, eyes, ...).
    """

    male: float
    old: float
    african: float
    asian: float
    caucasian: float
    weight: float
    local: dict[str, float]


def sample_shape(rng: np.random.Generator) -> Shape:
    """Draws a person."""
    african, asian, caucasian = rng.dirichlet((0.5, 0.5, 0.5))
    names = [name for name in load_head().identity_index if not _is_macro(name)]
    chosen = rng.random(len(names)) < 0.5
    weights = np.abs(rng.normal(0, 0.28, len(names))).clip(0, 0.6) * chosen
    return Shape(
        male=float(rng.beta(0.3, 0.3)),
        old=float(rng.beta(0.6, 1.2)),
        african=float(african),
        asian=float(asian),
        caucasian=float(caucasian),
        weight=float(rng.uniform(-0.6, 0.6)),
        local={name: float(w) for name, w in zip(names, weights, strict=True) if w > 0},
    )


def _is_macro(name: str) -> bool:
    return name.split("-")[0] in ("universal", "african", "asian", "caucasian")


def _target_weights(shape: Shape) -> dict[str, float]:
    """Returns the weight of every identity target that `shape` uses."""
    weights = dict(shape.local)
    heavy = max(shape.weight, 0)
    thin = max(-shape.weight, 0)
    for gender, by_gender in (("male", shape.male), ("female", 1 - shape.male)):
        for age, by_age in (("old", shape.old), ("young", 1 - shape.old)):
            share = by_gender * by_age
            stem = f"universal-{gender}-{age}-averagemuscle"
            weights[f"{stem}-maxweight"] = share * heavy
            weights[f"{stem}-minweight"] = share * thin
            weights[f"{stem}-averageweight"] = share * (1 - heavy - thin)
            for origin in ("african", "asian", "caucasian"):
                weights[f"{origin}-{gender}-{age}"] = share * getattr(shape, origin)
    return weights


@dataclasses.dataclass(frozen=True)
class Face:
    """One person's head at rest and the displacements of its expression units.

    Attributes:
        rest: float32 [v, 3].
        scale: factor that brought the person's eyes to `EYE_DISTANCE`; it applies to units too.
    """

    rest: np.ndarray
    scale: float

    def deform(self, coefficients: Float32[np.ndarray, " u"]) -> Float32[np.ndarray, "v 3"]:
        """Returns the vertices float32 [v, 3] under linear blend shapes.

        Args:
            coefficients: float32 [u], weights of the expression units in `Head.unit_index` order.
        """
        head = load_head()
        vertices = self.rest.copy()
        for i in np.flatnonzero(coefficients):
            vertices += np.float32(coefficients[i] * self.scale) * head.units[i]
        return vertices


def build_face(shape: Shape) -> Face:
    """Returns the face of a person, centred on the eyes and scaled to a common eye distance.

    The common scale keeps a person's size from deciding how large the face appears.
    """
    head = load_head()
    weights = {name: w for name, w in _target_weights(shape).items() if w}
    rest = head.vertices.copy()
    for name, weight in weights.items():
        rest += np.float32(weight) * head.identity[head.identity_index[name]]
    left, right = (rest[head.part == side].mean(0) for side in (LEFT_EYE, RIGHT_EYE))
    scale = EYE_DISTANCE / np.linalg.norm(left - right)
    rest = (rest - (left + right) / 2) * np.float32(scale)
    return Face(rest=rest.astype(np.float32), scale=float(scale))
