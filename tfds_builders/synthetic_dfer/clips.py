"""Which clips a data set holds, and how one of them is made from its plan.

Everything about a clip follows from its plan, and a plan's seed from the data set's seed name and
the clip's id alone; so a clip is the same whoever makes it, in whatever order.
"""

import collections
import concurrent.futures
import dataclasses
import functools
import hashlib
import multiprocessing
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from dfer_jax.labels import CLASSES
from tfds_builders.synthetic_dfer.rendering import camera, expression, face, motion, render, skin


@dataclasses.dataclass(frozen=True)
class SplitPlan:
    """What a split consists of.

    Attributes:
        seed_name: data sets of the same seed name hold the same clips.
        split: `train` or `test`; part of the clip ids.
        clips: number of clips.
        identities: numbers of the people who may appear; disjoint between splits.
        shares: share of each class, in the order of `CLASSES`.
        frames: least (at most 15) and largest (at least 17) number of frames of a clip.
        peaks: pairs of (share of clips, (least, largest peak intensity)); shares sum to 1.
        label_noise: share of clips that get a wrong label.
        nuisance: strength of everything that is not the expression, 0 to 1.
    """

    seed_name: str
    split: str
    clips: int
    identities: range
    shares: tuple[float, ...]
    frames: tuple[int, int]
    peaks: tuple[tuple[float, tuple[float, float]], ...]
    label_noise: float
    nuisance: float


@dataclasses.dataclass(frozen=True)
class ClipPlan:
    """All that decides one clip; indices of classes follow `CLASSES`."""

    clip_id: str
    seed_name: str
    label: int
    clean_label: int
    identity: int
    frames: int
    peak_intensity: float
    nuisance: float


def generator(*names: object) -> np.random.Generator:
    """Returns a generator seeded by the given names, the same on every machine."""
    digest = hashlib.blake2b("/".join(map(str, names)).encode(), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "little"))


def class_counts(clips: int, shares: Sequence[float]) -> list[int]:
    """Returns how many clips each class gets, by largest remainder; the counts sum to `clips`."""
    exact = np.asarray(shares, np.float64) / np.sum(shares) * clips
    counts = np.floor(exact).astype(int)
    for i in np.argsort(counts - exact, kind="stable")[: clips - counts.sum()]:
        counts[i] += 1
    return counts.tolist()


def plan_clips(split: SplitPlan) -> list[ClipPlan]:
    """Returns the plans of a split's clips, in the order of their ids."""
    rng = generator(split.seed_name, split.split, "labels")
    clean = np.repeat(np.arange(len(CLASSES)), class_counts(split.clips, split.shares))
    rng.shuffle(clean)
    wrong = set(rng.permutation(split.clips)[: round(split.label_noise * split.clips)].tolist())
    plans = []
    for i, truth in enumerate(clean.tolist()):
        clip_id = f"{split.split}_{i:05d}"
        draw = generator(split.seed_name, clip_id, "plan")
        identity = int(draw.choice(split.identities))
        frames = _draw_frames(draw, *split.frames)
        peak = motion.draw_peak(draw, split.peaks) if CLASSES[truth] != "neutral" else 0.0
        other = (truth + int(draw.integers(1, len(CLASSES)))) % len(CLASSES)
        label = other if i in wrong else truth
        plans.append(
            ClipPlan(
                clip_id=clip_id,
                seed_name=split.seed_name,
                label=label,
                clean_label=truth,
                identity=identity,
                frames=frames,
                peak_intensity=peak,
                nuisance=split.nuisance,
            )
        )
    return plans


def _draw_frames(rng: np.random.Generator, least: int, most: int) -> int:
    """Returns a clip length: a fifth below 16 frames, a fifth exactly 16, the rest longer.

    Sixteen is the number of frames models usually take; samplers tend to fail at and below it.
    """
    kind = rng.random()
    if kind < 0.2:
        return int(rng.integers(least, 16))
    return 16 if kind < 0.4 else int(rng.integers(17, most + 1))


@functools.lru_cache(maxsize=4)
def make_person(seed_name: str, identity: int) -> render.Person:
    """Returns the person with a number."""
    rng = generator(seed_name, "identity", identity)
    shape = face.sample_shape(rng)
    return render.build_person(shape, skin.sample_look(rng, shape))


def make_clip(plan: ClipPlan) -> dict[str, object]:
    """Returns the example of a planned clip: JPEG frames, labels and ground truth."""
    moved = motion.sample_motion(
        generator(plan.seed_name, plan.clip_id, "motion"),
        name=CLASSES[plan.clean_label],
        frames=plan.frames,
        peak_gain=plan.peak_intensity * expression.CLEAR_GAIN,
        nuisance=plan.nuisance,
    )
    recorded = camera.sample_camera(
        generator(plan.seed_name, plan.clip_id, "camera"),
        frames=plan.frames,
        nuisance=plan.nuisance,
    )
    person = make_person(plan.seed_name, plan.identity)
    return {
        "clip_id": plan.clip_id,
        "frames": camera.record(person, moved.coefficients, moved.views, recorded),
        "num_frames": plan.frames,
        "label": plan.label,
        "clean_label": plan.clean_label,
        "intensity": moved.gain / np.float32(expression.CLEAR_GAIN),
        "peak_intensity": np.float32(plan.peak_intensity),
        "apex": moved.apex,
        "identity": plan.identity,
    }


def _start_process() -> None:
    """Keeps a rendering process to one core, and leaves Ctrl-C to the process that started it."""
    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def make_clips(plans: Sequence[ClipPlan], *, processes: int) -> Iterator[dict[str, object]]:
    """Yields the examples of `plans` in the way of `make_by_person`."""
    return make_by_person(plans, make_clip, processes=processes)


def _make_all(
    plans: Sequence[Any], make: Callable[[Any], dict[str, object]]
) -> list[dict[str, object]]:
    return [make(plan) for plan in plans]


def make_by_person(
    plans: Sequence[Any], make: Callable[[Any], dict[str, object]], *, processes: int
) -> Iterator[dict[str, object]]:
    """Yields the examples of `plans`, person by person, made by so many processes (1: in this one).

    At most the clips of a few people per process are held at a time.

    Args:
        plans: of clips or of videos; each has a `seed_name` and an `identity`.
        make: a function of a module that turns a plan into an example.
        processes: number of processes.
    """
    people = collections.defaultdict(list)
    for plan in plans:
        people[plan.seed_name, plan.identity].append(plan)
    if processes == 1:
        for group in people.values():
            yield from map(make, group)
        return
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(
        processes, mp_context=context, initializer=_start_process
    ) as pool:
        pending = collections.deque()
        for group in people.values():
            pending.append(pool.submit(_make_all, group, make))
            if len(pending) > 3 * processes:
                yield from pending.popleft().result()
        while pending:
            yield from pending.popleft().result()


def summary(split: str, examples: Sequence[Mapping[str, object]]) -> str:
    """Returns a line that counts the clips of a split by label.

    Args:
        split: name of the split.
        examples: as `make_clip` gives them; their `frames` are not needed.
    """
    counts = collections.Counter(example["label"] for example in examples)
    per_class = ", ".join(f"{label} {counts[i]:,}" for i, label in enumerate(CLASSES))
    frames = sum(example["num_frames"] for example in examples)
    return f"{split}: {len(examples):,} clips, {frames:,} frames ({per_class})"
