"""What lies around the head and between it and the file: background, occluder, lens and JPEG."""

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float32

from tfds_builders.synthetic_dfer.rendering import render
from tfds_builders.synthetic_dfer.rendering.render import SIZE


@dataclasses.dataclass(frozen=True)
class Camera:
    """How a clip is recorded.

    Attributes:
        light: the light at the start of the clip.
        flicker: float [n], factor on the light in every frame.
        background: float32 RGB [SIZE, SIZE, 3] in [0, 1].
        occluder: the thing in the way, or None.
        blur: standard deviation of the blur in pixels.
        noise: standard deviation of the sensor noise, of full scale.
        gamma: exponent on the finished image.
        saturation: 0 (grey) to 1.
        quality: JPEG quality.
        seed: seed of the sensor noise.
    """

    light: render.Light
    flicker: np.ndarray
    background: np.ndarray
    occluder: "Occluder | None"
    blur: float
    noise: float
    gamma: float
    saturation: float
    quality: int
    seed: int


@dataclasses.dataclass(frozen=True)
class Occluder:
    """A round-ended bar (a hand, a pen, a microphone) that may pass through the picture.

    Attributes:
        start: its two ends [2, 2] in pixels in the first frame.
        velocity: pixels per frame [2].
        thickness: pixels.
        color: RGB in [0, 1].
        first: first frame in which it is there.
        last: last frame in which it is there.
    """

    start: np.ndarray
    velocity: np.ndarray
    thickness: int
    color: tuple[float, float, float]
    first: int
    last: int


def sample_camera(rng: np.random.Generator, *, frames: int, nuisance: float) -> Camera:
    """Draws the recording conditions of a clip.

    Args:
        rng: source of randomness.
        frames: number of frames of the clip.
        nuisance: how far the conditions may depart from good ones, 0 to 1.
    """
    warm = nuisance * rng.uniform(-0.08, 0.08)
    light = render.Light(
        direction=(float(nuisance * rng.uniform(-1, 1)), float(rng.uniform(0, 0.9)), 1.0),
        color=(float(1 + warm), 1.0, float(1 - warm)),
        key=float(0.7 + nuisance * rng.uniform(-0.2, 0.2)),
        ambient=float(0.39 + nuisance * rng.uniform(-0.11, 0.11)),
    )
    drift = nuisance * rng.uniform(-0.12, 0.12) * np.linspace(-0.5, 0.5, frames)
    return Camera(
        light=light,
        flicker=1 + drift + nuisance * 0.01 * rng.standard_normal(frames),
        background=_background(rng),
        occluder=_occluder(rng, frames) if rng.random() < 0.17 * nuisance else None,
        blur=float(nuisance * max(0, rng.uniform(-0.4, 0.9))),
        noise=float(nuisance * rng.uniform(0, 0.016)),
        gamma=float(1 + nuisance * rng.uniform(-0.15, 0.2)),
        saturation=float(1 - nuisance * (rng.uniform(0, 0.5) if rng.random() < 0.9 else 1)),
        quality=int(rng.integers(55, 96)),
        seed=int(rng.integers(2**31)),
    )


def _background(rng: np.random.Generator) -> np.ndarray:
    """Returns a blurred room (a gradient, a few boxes and discs) and the person's shoulders."""
    top, bottom = rng.uniform(0.05, 0.8, (2, 3)).astype(np.float32)
    grey = rng.uniform(0.3, 0.9)
    ramp = np.linspace(0, 1, SIZE, dtype=np.float32)[:, None, None]
    image = np.ascontiguousarray(np.broadcast_to(top + ramp * (bottom - top), (SIZE, SIZE, 3)))
    for _ in range(rng.integers(2, 8)):
        color = tuple(map(float, rng.uniform(0.05, 0.9, 3)))
        x, y, size = (int(v) for v in rng.integers((0, 0, 8), (SIZE, SIZE, 50)))
        if rng.random() < 0.5:
            cv2.rectangle(image, (x, y), (x + size, y + 2 * size), color, -1)
        else:
            cv2.circle(image, (x, y), size // 2, color, -1)
    image = cv2.GaussianBlur(image, (0, 0), rng.uniform(1.5, 8))
    shirt = tuple(map(float, rng.uniform(0.05, 0.8, 3)))
    cv2.ellipse(image, (SIZE // 2, SIZE + 12), (64, 24), 0, 0, 360, shirt, -1, cv2.LINE_AA)
    return image + np.float32(grey) * (image.mean(2, keepdims=True) - image)


def _occluder(rng: np.random.Generator, frames: int) -> Occluder:
    """Draws a bar that reaches in from the side or from below and covers a part of the face."""
    angle = rng.uniform(-0.2 * np.pi, 1.2 * np.pi)  # 0 right, pi / 2 below, pi left
    outward = np.array([np.cos(angle), np.sin(angle)])
    center = np.array([0.5, 0.55]) * SIZE
    tip = center + outward * rng.uniform(0.22, 0.45) * SIZE
    length = int(rng.integers(min(frames, max(2, frames // 3)), frames + 1))
    first = int(rng.integers(0, frames - length + 1))
    skin_like = rng.random() < 0.5
    color = rng.uniform(0.3, 0.8) * np.array([1, 0.75, 0.62]) if skin_like else rng.uniform(0, 1, 3)
    return Occluder(
        start=np.stack([tip, tip + outward * 1.2 * SIZE]),
        velocity=rng.normal(0, 0.5, 2),
        thickness=int(rng.integers(8, 26)),
        color=tuple(map(float, color)),
        first=first,
        last=first + length - 1,
    )


def record(
    person: render.Person,
    coefficients: Float32[np.ndarray, "n u"],
    views: Sequence[render.View],
    camera: Camera,
) -> list[bytes]:
    """Returns the JPEG frames of a clip.

    Args:
        person: who is seen.
        coefficients: float32 [n, u], weights of the expression units in every frame.
        views: n poses of the head.
        camera: recording conditions.
    """
    rng = np.random.default_rng(camera.seed)
    jpegs = []
    for i, view in enumerate(views):
        light = dataclasses.replace(
            camera.light,
            key=camera.light.key * float(camera.flicker[i]),
            ambient=camera.light.ambient * float(camera.flicker[i]),
        )
        color, coverage = render.render_head(person, coefficients[i], view, light)
        image = color + (1 - coverage) * camera.background
        if camera.occluder is not None:
            _draw_occluder(image, camera.occluder, i)
        jpegs.append(_encode(_expose(image, camera, rng), camera.quality))
    return jpegs


def _draw_occluder(image: np.ndarray, occluder: Occluder, frame: int) -> None:
    """Draws the bar into `image` in place, softly shaded along its edge."""
    if not occluder.first <= frame <= occluder.last:
        return
    ends = occluder.start + occluder.velocity * (frame - occluder.first)
    (x0, y0), (x1, y1) = np.rint(ends).astype(int).tolist()
    for shrink, shade in ((0, 0.7), (3, 0.85), (6, 1.0)):
        color = tuple(shade * c for c in occluder.color)
        cv2.line(image, (x0, y0), (x1, y1), color, occluder.thickness - shrink)


def _expose(image: np.ndarray, camera: Camera, rng: np.random.Generator) -> np.ndarray:
    """Returns uint8 RGB [SIZE, SIZE, 3]: blur, colour, gamma, sensor noise."""
    if camera.blur > 0.2:
        image = cv2.GaussianBlur(image, (0, 0), camera.blur)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    grain = np.float32(camera.noise) * rng.standard_normal(grey.shape, np.float32)
    keep = np.float32(camera.saturation)
    image = keep * image + ((1 - keep) * grey + grain)[..., None]
    levels = (255 * np.linspace(0, 1, 256) ** camera.gamma + 0.5).astype(np.uint8)
    return cv2.LUT(
        (np.clip(image, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8), levels
    )


def _encode(image: np.ndarray, quality: int) -> bytes:
    """Returns an RGB image as JPEG bytes."""
    bgr = np.ascontiguousarray(image[..., ::-1])
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return data.tobytes()
