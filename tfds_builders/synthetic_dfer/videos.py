"""Which videos a data set holds, and how one is made from its plan: a label on every frame.

As in a release of real videos, a face detector has missed some frames, alone and in long runs, and
nobody has annotated some stretches. A video follows from its plan alone, as a clip does.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from dfer_jax.labels import ACTION_UNITS, EXPRESSIONS
from tfds_builders.synthetic_dfer import clips
from tfds_builders.synthetic_dfer.rendering import action_units, camera, performance

_UNKNOWN = -1  # label of a frame that is not annotated
_LONG = 20  # rows; every video at least as long may have holes and stretches without annotation
_LONG_HOLE = (9, 20)  # least and largest number of frames: beyond what a window should bridge
_SHORT_HOLE = (1, 5)


@dataclasses.dataclass(frozen=True)
class VideoSplitPlan:
    """What a split of videos consists of.

    Attributes:
        seed_name: data sets of the same seed name hold the same people.
        split: `train` or `test`; part of the ids.
        videos: number of videos.
        identities: numbers of the people, each in one video at least; disjoint between splits.
        rows: least and largest number of rows (frames, found or not) of most videos.
        short: numbers of rows of the other videos.
        peaks: pairs of (share of expressions, (least, largest peak intensity)); shares sum to 1.
        nuisance: strength of everything that is not the face's expression, 0 to 1.
    """

    seed_name: str
    split: str
    videos: int
    identities: range
    rows: tuple[int, int]
    short: tuple[int, ...]
    peaks: tuple[tuple[float, tuple[float, float]], ...]
    nuisance: float


@dataclasses.dataclass(frozen=True)
class VideoPlan:
    """All that decides one video.

    Attributes:
        clip_id: of the video.
        seed_name: as in `VideoSplitPlan`; so are `peaks` and `nuisance`.
        identity: number of the person.
        frames: rows, so frames before the detector missed any.
        long_hole: whether one run of more than 8 frames is missing.
        unannotated: whether one stretch is not annotated.
    """

    clip_id: str
    seed_name: str
    identity: int
    frames: int
    peaks: tuple[tuple[float, tuple[float, float]], ...]
    nuisance: float
    long_hole: bool
    unannotated: bool


def plan_videos(split: VideoSplitPlan) -> list[VideoPlan]:
    """Returns the plans of a split's videos, in the order of their ids.

    Of the videos of 20 rows or more, a quarter has a long hole and a half a stretch that is not
    annotated.
    """
    rng = clips.generator(split.seed_name, split.split, "videos")
    usual = rng.integers(split.rows[0], split.rows[1] + 1, split.videos - len(split.short))
    rows = rng.permutation([*split.short, *usual]).tolist()
    people = rng.permutation(split.identities).tolist()
    long = [i for i, count in enumerate(rows) if count >= _LONG]
    return [
        VideoPlan(
            clip_id=f"{split.split}_{i:05d}",
            seed_name=split.seed_name,
            identity=people[i % len(people)],
            frames=count,
            peaks=split.peaks,
            nuisance=split.nuisance,
            long_hole=i in long[::4],
            unannotated=i in long[1::2],
        )
        for i, count in enumerate(rows)
    ]


def make_video(plan: VideoPlan) -> dict[str, object]:
    """Returns the example of a planned video: JPEG frames, labels of every frame and the truth."""
    played = performance.sample_performance(
        clips.generator(plan.seed_name, plan.clip_id, "motion"),
        frames=plan.frames,
        peaks=plan.peaks,
        nuisance=plan.nuisance,
    )
    recorded = camera.sample_camera(
        clips.generator(plan.seed_name, plan.clip_id, "camera"),
        frames=plan.frames,
        nuisance=plan.nuisance,
    )
    person = clips.make_person(plan.seed_name, plan.identity)
    jpegs = camera.record(person, played.coefficients, played.views, recorded)
    rng = clips.generator(plan.seed_name, plan.clip_id, "annotation")
    found = np.flatnonzero(_found(rng, plan))
    valid = _annotated(rng, plan)
    units = action_units.label_units(played.coefficients)
    return {
        "clip_id": plan.clip_id,
        "frames": [jpegs[i] for i in found],
        "num_frames": len(found),
        "group": f"person_{plan.identity:05d}",
        "subject": "",
        "frame_numbers": (found + 1).astype(np.int32),
        "num_rows": plan.frames,
        "expressions": np.where(valid, played.expressions, _UNKNOWN)[found],
        "action_units": np.where(valid[:, None], units, np.int8(_UNKNOWN))[found],
        "valid": valid[found],
        "intensity": played.intensity[found],
    }


def _found(rng: np.random.Generator, plan: VideoPlan) -> np.ndarray:
    """Returns bool [rows]: where the detector found the face, which is everywhere if few."""
    rows = plan.frames
    found = np.ones(rows, bool)
    for _ in range(rng.integers(rows // _LONG + 1)):
        start = rng.integers(rows)
        found[start : start + rng.integers(_SHORT_HOLE[0], _SHORT_HOLE[1] + 1)] = False
    if plan.long_hole:
        least, most = _LONG_HOLE
        length = rng.integers(least, min(most, rows - 8) + 1)
        start = rng.integers(4, rows - length - 3)  # something is left before and after
        found[start : start + length] = False
    return found


def _annotated(rng: np.random.Generator, plan: VideoPlan) -> np.ndarray:
    """Returns bool [rows]: which rows have labels."""
    annotated = np.ones(plan.frames, bool)
    if plan.unannotated:
        length = rng.integers(5, plan.frames // 3 + 1)
        start = rng.integers(plan.frames - length + 1)
        annotated[start : start + length] = False
    return annotated


def make_videos(plans: Sequence[VideoPlan], *, processes: int) -> Iterator[dict[str, object]]:
    """Yields the examples of `plans` in the way of `clips.make_by_person`."""
    return clips.make_by_person(plans, make_video, processes=processes)


def summary(split: str, examples: Sequence[Mapping[str, object]]) -> str:
    """Returns lines that count the frames of a split by label.

    Args:
        split: name of the split.
        examples: as `make_video` gives them; their `frames` are not needed.
    """
    rows = sum(example["num_rows"] for example in examples)
    valid = np.concatenate([example["valid"] for example in examples])
    expressions = np.concatenate([example["expressions"] for example in examples])[valid]
    units = np.concatenate([example["action_units"] for example in examples])[valid]
    people = len({example["group"] for example in examples})
    known, missing = len(expressions), rows - len(valid)
    lines = [
        f"{split}: {len(examples):,} videos of {people:,} people, {len(valid):,} frames",
        f"  missing {missing:,} of {rows:,} rows, not annotated {len(valid) - known:,} frames",
        "  expressions " + _shares(EXPRESSIONS, np.bincount(expressions, minlength=8), known),
        "  action units " + _shares(ACTION_UNITS, units.sum(0, dtype=int), known),
    ]
    return "\n".join(lines)


def _shares(names: Sequence[str], counts: np.ndarray, total: int) -> str:
    return ", ".join(
        f"{name} {count:,} ({count / max(total, 1):.1%})"
        for name, count in zip(names, counts.tolist(), strict=True)
    )
