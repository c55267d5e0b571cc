"""Which frames of a clip the model sees: U segments of V consecutive frames, T = U * V in all.

`uniform` cuts the clip into segments of real-valued width, so that every frame of a clip of any
length can be drawn. `official` is the rule of the released GCA+IAL code, for comparison with
numbers computed with it. `grid` starts at the first frame of each segment, as RDFER's 64 frames do.
`padded` is `uniform`, but repeats the last frame behind short clips, as DFER-CLIP does.
`strided` takes every r-th frame from a start on, as the fine-tuned video transformers do.
`interpolated` bends the whole clip to T frames (`interpolation`); its places are the nearest ones.
"""

import numpy as np
from jaxtyping import Int64

from dfer_jax.errors import UserError

POLICIES = ("uniform", "official", "grid", "padded", "strided", "interpolated")


def sample_frames(
    num_frames: int,
    *,
    segments: int,
    frames_per_segment: int = 1,
    policy: str = "uniform",
    frame_step: int = 1,
    view: tuple[int, int] = (0, 1),
    rng: np.random.Generator | None = None,
) -> Int64[np.ndarray, " t"]:
    """Returns the indices of the sampled frames, in the order the model sees them.

    Args:
        num_frames: frames of the clip, at least 1.
        segments: U, parts into which the clip is cut.
        frames_per_segment: V, consecutive frames taken from each part.
        policy: one of `POLICIES`.
        frame_step: r of "strided".
        view: at test, which of how many views of the clip. Those of "uniform" lie side by side in
            each segment, one alone in the middle; those of "strided" start evenly from its first
            window to its last, one alone in the middle. Other policies have one.
        rng: draws the positions (training); None takes those of the view (test), with "grid" the
            start of each segment. Random draws of "grid", for views of a clip, are those of
            "uniform"; "interpolated" has none.

    Returns:
        int64 `[segments * frames_per_segment]`, each in [0, num_frames).

    Raises:
        UserError: if the clip has no frame, if U, V or r is below 1, or if the policy is unknown.

    Source: temporal segment sampling as in GCA+IAL (AAAI 2023), section on implementation details:
    16 x 1 on DFEW, 8 x 2 on FERV39k; "strided" as in the loaders of MAE-DFER, SVFAP and S2D.
    """
    if num_frames < 1:
        raise UserError(f"a clip must have at least one frame, got {num_frames}; rebuild the data")
    if segments < 1 or frames_per_segment < 1 or frame_step < 1:
        raise UserError(
            "segments, frames per segment and the frame step must be at least 1, got "
            f"{segments}, {frames_per_segment} and {frame_step}"
        )
    if policy == "uniform":
        return _uniform(num_frames, segments, frames_per_segment, rng, view)
    if policy == "official":
        return _official(num_frames, segments, frames_per_segment, rng)
    if policy == "grid":
        return _grid(num_frames, segments, frames_per_segment, rng)
    if policy == "padded" and num_frames < segments * frames_per_segment:
        return np.minimum(np.arange(segments * frames_per_segment), num_frames - 1)
    if policy == "padded":
        return _uniform(num_frames, segments, frames_per_segment, rng)
    if policy == "strided":
        return _strided(num_frames, segments * frames_per_segment, frame_step, rng, view)
    if policy == "interpolated":
        places = np.linspace(0, num_frames - 1, segments * frames_per_segment)
        return np.rint(places).astype(np.int64)
    raise UserError(f"unknown sampling policy {policy!r}; choose one of {', '.join(POLICIES)}")


def _uniform(
    n: int, u: int, v: int, rng: np.random.Generator | None, view: tuple[int, int] = (0, 1)
) -> np.ndarray:
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
    if rng is not None:
        starts = np.floor(segment * n / u + rng.random(u) * (n / u - v + 1)).astype(np.int64)
        return _with_neighbours(starts, v, n)
    place, views = view  # floor(i n / U + (view + 1/2) / views (n / U - V + 1)) in whole numbers
    part = (2 * place + 1) * (n - (v - 1) * u)
    return _with_neighbours((2 * views * segment * n + part) // (2 * views * u), v, n)


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


def _strided(
    n: int, t: int, r: int, rng: np.random.Generator | None, view: tuple[int, int]
) -> np.ndarray:
    """T of the frames 0, r, 2 r, ...; where there are fewer, the last of these is repeated.

    Training on a clip of at most T r frames takes n // r of them from its whole length, then
    repeats the clip's last frame: so do the released loaders.
    """
    if rng is None:
        listed = np.arange(0, n, r)
        place, views = view
        spare = max(len(listed) - t, 0)
        start = spare // 2 if views == 1 else spare * place // (views - 1)
        return listed[np.minimum(start + np.arange(t), len(listed) - 1)].astype(np.int64)
    if n <= t * r:
        drawn = np.concatenate([np.linspace(0, n, n // r), np.full(t - n // r, n)])
        return np.minimum(drawn, n - 1).astype(np.int64)
    start = rng.integers(n - t * r)
    drawn = np.linspace(start, start + t * r, t)
    return np.minimum(drawn, start + t * r - 1).astype(np.int64)


def _with_neighbours(starts: np.ndarray, v: int, n: int) -> np.ndarray:
    """Returns start, start + 1, ..., start + V - 1 of every segment, clipped at the last frame."""
    frames = np.asarray(starts, np.int64)[:, None] + np.arange(v)
    return np.minimum(frames, n - 1).reshape(-1)
