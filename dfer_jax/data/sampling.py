"""Which frames of a clip the model sees: U segments of V consecutive frames, T = U * V in all.

`uniform` cuts the clip into segments of real-valued width, so that every frame of a clip of any
length can be drawn. `official` is the rule of the released GCA+IAL code, for comparison with
numbers computed with it. `grid` starts at the first frame of each segment, as RDFER's 64 frames do.
`padded` is `uniform`, but repeats the last frame behind short clips, as DFER-CLIP does.
"""

import numpy as np
from jaxtyping import Int64

from dfer_jax.errors import UserError

POLICIES = ("uniform", "official", "grid", "padded")


def sample_frames(
    num_frames: int,
    *,
    segments: int,
    frames_per_segment: int = 1,
    policy: str = "uniform",
    rng: np.random.Generator | None = None,
) -> Int64[np.ndarray, " t"]:
    """Returns the indices of the sampled frames, in the order the model sees them.

    Args:
        num_frames: frames of the clip, at least 1.
        segments: U, parts into which the clip is cut.
        frames_per_segment: V, consecutive frames taken from each part.
        policy: "uniform", "official" for the released rule, "grid" or "padded".
        rng: draws the positions (training); None takes the middle of each segment (test), or its
            start with "grid", whose random draws, for views of a clip, are those of "uniform".

    Returns:
        int64 `[segments * frames_per_segment]`, each in [0, num_frames).

    Raises:
        UserError: if the clip has no frame, if U or V is below 1, or if the policy is unknown.

    Source: temporal segment sampling as in GCA+IAL (AAAI 2023), section on implementation details:
    16 x 1 on DFEW, 8 x 2 on FERV39k.
    """
    if num_frames < 1:
        raise UserError(f"a clip must have at least one frame, got {num_frames}; rebuild the data")
    if segments < 1 or frames_per_segment < 1:
        raise UserError(
            "segments and frames per segment must be at least 1, got "
            f"{segments} and {frames_per_segment}"
        )
    if policy == "uniform":
        return _uniform(num_frames, segments, frames_per_segment, rng)
    if policy == "official":
        return _official(num_frames, segments, frames_per_segment, rng)
    if policy == "grid":
        return _grid(num_frames, segments, frames_per_segment, rng)
    if policy == "padded" and num_frames < segments * frames_per_segment:
        return np.minimum(np.arange(segments * frames_per_segment), num_frames - 1)
    if policy == "padded":
        return _uniform(num_frames, segments, frames_per_segment, rng)
    raise UserError(f"unknown sampling policy {policy!r}; choose one of {', '.join(POLICIES)}")


def _uniform(n: int, u: int, v: int, rng: np.random.Generator | None) -> np.ndarray:
    """V neighbouring frames inside each of U equal segments; order never runs backwards.

    Where a segment is shorter than V frames (n < U * V), neighbours of different segments would
    overlap and time would jump back and forth; the clip is then cut into U * V segments of one
    frame each, which repeats frames evenly. Both rules give 0, 1, ..., n - 1 at n = U * V.

    Deviates: the release floors the segment width, so it never draws the last frames of a clip and
    turns a short clip into one still.
    """
    if n < u * v:
        u, v = u * v, 1
    segment = np.arange(u)
    if rng is None:  # floor((i + 1/2) n / U - (V - 1) / 2) in whole numbers
        starts = ((2 * segment + 1) * n - (v - 1) * u) // (2 * u)
    else:
        starts = np.floor(segment * n / u + rng.random(u) * (n / u - v + 1)).astype(np.int64)
    return _with_neighbours(starts, v, n)


def _official(n: int, u: int, v: int, rng: np.random.Generator | None) -> np.ndarray:
    """The released rule, with its floored width and its stills for short clips."""
    positions = n - v + 1
    starts = np.zeros(u, np.int64)
    if rng is None:
        if n > u + v - 1:
            starts = (2 * np.arange(u) + 1) * positions // (2 * u)
    elif positions >= u:
        width = positions // u
        starts = np.arange(u) * width + rng.integers(width, size=u)
    elif n > u and positions > 0:
        starts = np.sort(rng.integers(positions, size=u))
    return _with_neighbours(starts, v, n)


def _grid(n: int, u: int, v: int, rng: np.random.Generator | None) -> np.ndarray:
    """Frames floor(n * i / U), of RDFER; the random ones are those of `uniform`."""
    if rng is not None:
        return _uniform(n, u, v, rng)
    return _with_neighbours(np.arange(u) * n // u, v, n)


def _with_neighbours(starts: np.ndarray, v: int, n: int) -> np.ndarray:
    """Returns start, start + 1, ..., start + V - 1 of every segment, clipped at the last frame."""
    frames = np.asarray(starts, np.int64)[:, None] + np.arange(v)
    return np.minimum(frames, n - 1).reshape(-1)
