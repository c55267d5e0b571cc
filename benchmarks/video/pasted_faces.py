"""How well are faces found whose place is known? By size and roll, as tables.

Heads of synthetic_dfer are rendered with a known pose and pasted into scenes of 640 x 360 pixels,
then `FaceTracker` sees each scene as a video of one frame. Printed by size of the face (the longer
side of its box, pixels) and roll (degrees):

    recall          share found: eyes nearer to the truth than half the distance between them
    wrong           faces found elsewhere, a scene
    box             1 - overlap (intersection over union) with the box of the face's front, median
    eyes, mouth     distance to the truth as a share of that between the eyes, median
    yaw, pitch, roll  degrees of error, median

    python -m benchmarks.video.pasted_faces --people 24 --darkness 1

The heads are drawn, not photographed: recall is a lower bound, and the distances hold also what
"box" and "eye" mean for two meshes that are not the same.
"""

import collections
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from absl import app, flags
from jaxtyping import Float, Float32, UInt8

from dfer_jax import errors
from dfer_jax.video.faces import Face, FaceQuality, FaceTracker, find_model
from dfer_jax.video.faces.landmarks import MOUTH, eye_centres
from tfds_builders.synthetic_dfer.clips import make_person
from tfds_builders.synthetic_dfer.rendering import expression, face, render

_PEOPLE = flags.DEFINE_integer("people", 24, "How many heads for each size and roll.")
_DARKNESS = flags.DEFINE_float("darkness", 1.0, "Factor on the brightness of the scenes.")

SIZES = (20, 28, 40, 60, 90, 140, 200)
ROLLS = (0, 15, 30, 45)
SCENE = (360, 640)
_COLUMNS = ("recall", "wrong", "box", "eyes", "mouth", "yaw", "pitch", "roll")


class Truth(NamedTuple):
    """Where a face is: box x, y, w, h; right and left eye; middle of the mouth; pose, degrees."""

    box: Float[np.ndarray, "4"]
    eyes: Float[np.ndarray, "2 2"]
    mouth: Float[np.ndarray, "2"]
    pose: tuple[float, float, float]


class Head(NamedTuple):
    """A rendered head: RGB times coverage and coverage, where its parts are in that, its pose.

    The pose is yaw, pitch, roll in degrees, as `FaceQuality` has them.
    """

    drawn: Float[np.ndarray, "s s 4"]
    points: dict[str, Float[np.ndarray, "n 2"]]
    pose: tuple[float, float, float]


def draw_head(number: int, *, roll: float) -> Head:
    """Returns the head of a person, turned a little by a random yaw and pitch.

    Args:
        number: of the person.
        roll: degrees clockwise.
    """
    rng = np.random.default_rng(number)
    person = make_person("pasted_faces", number)
    units = expression.unit_weights({})
    yaw, pitch = map(float, rng.uniform(-15, 15, 2))
    turned = map(math.radians, (yaw, pitch, roll))
    view = render.View(*turned, shift=(0.0, 0.08), zoom=0.75)
    light = render.Light((float(rng.uniform(-0.7, 0.7)), 0.5, 1.0), (1.0, 1.0, 1.0), 0.7, 0.39)
    head, coverage = render.render_head(person, units, view, light)
    points = _truth_points(render.project(person, units, view))
    return Head(np.concatenate([head, coverage], axis=2), points, (yaw, pitch, roll))


def put(
    scene: Float32[np.ndarray, "h w 3"], head: Head, *, size: float, centre: tuple[float, float]
) -> tuple[Float32[np.ndarray, "h w 3"], Truth]:
    """Returns a scene with a head in it, in front of what was there, and where its face is.

    Args:
        scene: RGB in 0..1.
        head: to be put there.
        size: longer side of the face's box, in pixels.
        centre: of the box.
    """
    front = head.points["front"]
    scale = size / float(np.ptp(front, axis=0).max())
    middle = (front.min(0) + front.max(0)) / 2
    matrix = np.column_stack([np.eye(2) * scale, np.array(centre) - scale * middle])
    moved = {name: p * scale + matrix[:, 2] for name, p in head.points.items()}
    return _blend(scene, head.drawn, matrix, scale), _truth(moved, head.pose)


def paste(
    number: int, *, size: float, roll: float, darkness: float = 1.0
) -> tuple[UInt8[np.ndarray, "360 640 3"], Truth]:
    """Returns a scene with one face in it.

    Args:
        number: of the person and of the scene.
        size: longer side of the face's box in pixels.
        roll: degrees clockwise.
        darkness: factor on the brightness.
    """
    rng = np.random.default_rng(number)
    low = np.minimum(0.7 * size, np.array(SCENE[::-1]) / 2)
    x, y = map(float, rng.uniform(low, np.array(SCENE[::-1]) - low))
    scene, truth = put(make_scene(rng), draw_head(number, roll=roll), size=size, centre=(x, y))
    return as_picture(scene * np.float32(darkness)), truth


def as_picture(scene: Float32[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
    """Returns RGB in 0..255 of RGB in 0..1."""
    return (np.clip(scene, 0, 1) * 255 + 0.5).astype(np.uint8)


def _truth_points(projected: Float[np.ndarray, "v 2"]) -> dict[str, Float[np.ndarray, "n 2"]]:
    head = face.load_head()
    front = (head.part == face.SKIN) & (head.vertices[:, 2] > -0.55)  # before the ears
    front &= (head.vertices[:, 1] > -1.08) & (head.vertices[:, 1] < 0.45)  # chin to forehead
    return {
        "front": projected[front],
        "right": projected[head.part == face.RIGHT_EYE],
        "left": projected[head.part == face.LEFT_EYE],
        "mouth": projected[head.lips > 0.5],
    }


def _truth(
    points: Mapping[str, Float[np.ndarray, "n 2"]], pose: tuple[float, float, float]
) -> Truth:
    low, high = points["front"].min(0), points["front"].max(0)
    eyes = np.stack([points["right"].mean(0), points["left"].mean(0)])
    return Truth(np.concatenate([low, high - low]), eyes, points["mouth"].mean(0), pose)


def make_scene(rng: np.random.Generator) -> Float32[np.ndarray, "360 640 3"]:
    """Returns a room: a gradient, boxes and discs, softly focused, 0..1."""
    height, width = SCENE
    top, bottom = rng.uniform(0.1, 0.8, (2, 3))
    scene = (top + np.linspace(0, 1, height)[:, None, None] * (bottom - top)).astype(np.float32)
    scene = np.ascontiguousarray(np.broadcast_to(scene, (height, width, 3)))
    for _ in range(25):
        x, y, size = (int(v) for v in rng.integers((0, 0, 10), (width, height, 140)))
        colour = tuple(map(float, rng.uniform(0.05, 0.9, 3)))
        if rng.random() < 0.5:
            cv2.rectangle(scene, (x, y), (x + size, y + size), colour, -1)
        else:
            cv2.circle(scene, (x, y), size // 2, colour, -1)
    return cv2.GaussianBlur(scene, (0, 0), 2)


def _blend(
    scene: Float32[np.ndarray, "h w 3"],
    head: Float32[np.ndarray, "s s 4"],
    matrix: Float[np.ndarray, "2 3"],
    scale: float,
) -> Float32[np.ndarray, "h w 3"]:
    if scale < 1:  # averaged, not thinned out
        small = max(2, round(len(head) * scale))
        matrix = matrix * np.array([len(head) / small, len(head) / small, 1])
        head = cv2.resize(head, (small, small), interpolation=cv2.INTER_AREA)
    size = (scene.shape[1], scene.shape[0])
    pasted = cv2.warpAffine(head, matrix, size, flags=cv2.INTER_CUBIC)
    return pasted[..., :3] + (1 - pasted[..., 3:]) * scene


def score(faces: Sequence[Face], truth: Truth) -> dict[str, float]:
    """Returns the columns of the table for one scene; those of a missed face are missing."""
    apart = float(np.linalg.norm(truth.eyes[0] - truth.eyes[1]))
    errors_of = [
        float(np.linalg.norm(eye_centres(f.landmarks) - truth.eyes, axis=1).mean()) / apart
        for f in faces
    ]
    best = int(np.argmin(errors_of)) if faces else -1
    if best < 0 or errors_of[best] > 0.5:
        return {"recall": 0.0, "wrong": float(len(faces))}
    found = faces[best]
    mouth = found.landmarks[list(MOUTH), :2].mean(0)
    return {
        "recall": 1.0,
        "wrong": float(len(faces) - 1),
        "box": 1 - _overlap(np.array(found.box), truth.box),
        "eyes": errors_of[best],
        "mouth": float(np.linalg.norm(mouth - truth.mouth)) / apart,
        **_pose_errors(found.quality, truth.pose),
    }


def _pose_errors(quality: FaceQuality, pose: tuple[float, float, float]) -> dict[str, float]:
    names = ("yaw", "pitch", "roll")
    return {name: abs(getattr(quality, name) - t) for name, t in zip(names, pose, strict=True)}


def _overlap(one: Float[np.ndarray, "4"], other: Float[np.ndarray, "4"]) -> float:
    low = np.maximum(one[:2], other[:2])
    high = np.minimum(one[:2] + one[2:], other[:2] + other[2:])
    shared = float(np.maximum(high - low, 0).prod())
    return shared / (float(one[2:].prod() + other[2:].prod()) - shared)


def measure(
    tracker: FaceTracker,
    *,
    sizes: Sequence[float],
    rolls: Sequence[float],
    people: int,
    darkness: float = 1.0,
) -> dict[tuple[float, float], dict[str, float]]:
    """Returns the columns by size and roll: means of recall and wrong, else medians."""
    table = {}
    for size in sizes:
        for roll in rolls:
            columns = collections.defaultdict(list)
            for number in range(people):
                picture, truth = paste(number, size=size, roll=roll, darkness=darkness)
                tracker.reset()
                for name, value in score(tracker(picture), truth).items():
                    columns[name].append(value)
            means = {name: float(np.mean(columns[name])) for name in ("recall", "wrong")}
            rest = {k: float(np.median(v)) for k, v in columns.items() if k not in means}
            table[size, roll] = means | rest
    return table


def main(argv: list[str]) -> None:
    """Prints the table."""
    if argv[1:]:
        raise app.UsageError("it takes no arguments but flags")
    tracker = FaceTracker(find_model())
    print(f"{'size':>5} {'roll':>5}" + "".join(f"{name:>8}" for name in _COLUMNS))
    how = {"people": _PEOPLE.value, "darkness": _DARKNESS.value}
    for (size, roll), row in measure(tracker, sizes=SIZES, rolls=ROLLS, **how).items():
        cells = [f"{row[name]:8.3f}" if name in row else f"{'-':>8}" for name in _COLUMNS]
        print(f"{size:>5} {roll:>5}" + "".join(cells))


if __name__ == "__main__":
    errors.run(main)
