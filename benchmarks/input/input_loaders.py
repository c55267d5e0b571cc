"""The loaders that `input_pipeline` compares, and the parts of ours, as streams of clip counts.

Each function opens what it reads, in the process that is measured, and yields the number of clips
it has just delivered: in a batch, or 1 for a part. Torch, JAX and what imports them are imported by
those that use them, so that no loader carries the threads of another.
"""

import dataclasses
import functools
import itertools
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

SPLIT = "+".join(f"fd{fold}" for fold in range(1, 6))
FRAMES = 16


@dataclasses.dataclass(frozen=True)
class Work:
    """What all loaders read and deliver.

    Attributes:
        folders: clips of JPEG files, one folder each.
        num_frames: of every clip.
        data_dir: where the same clips are built as `dfew/full`, and its frame cache lies.
        epoch: clips in an epoch; those there are come up again and again, in random order.
        decode_size: side of the frames our loaders deliver, in pixels.
        image_size: side of the augmented frames.
        batch_size: clips in a batch.
    """

    folders: tuple[str, ...]
    num_frames: int
    data_dir: str
    epoch: int
    decode_size: int
    image_size: int
    batch_size: int

    @property
    def order(self) -> list[int]:
        """Positions of the clips of an epoch."""
        return list(itertools.islice(itertools.cycle(range(len(self.folders))), self.epoch))


def prepare(
    folder: Path,
    *,
    clips: int,
    frames: int,
    side: int,
    epoch: int,
    decode_size: int,
    image_size: int,
    batch_size: int,
) -> Work:
    """Writes clips of rendered faces as a release, builds the data set and its frame cache.

    Args:
        folder: an empty folder for all that.
        clips: clips on disk.
        frames: of each clip, at least 17.
        side: of the JPEG frames, in pixels.
        epoch: see `Work`; so are the others.
        decode_size: side of our frames, also of the frame cache.
        image_size: side of augmented frames.
        batch_size: clips in a batch.
    """
    from benchmarks.input.rendered_release import write_release

    release, data_dir = str(folder / "release"), str(folder / "data")
    folders = write_release(Path(release), count=clips, frames=frames, side=side)
    for command in (
        ("tfds_builders.build", "dfew/full", "--manual_dir", release),
        ("dfer_jax.data.frame_cache", "dfew/full", "--size", str(decode_size)),
    ):
        whole = [sys.executable, "-m", *command, "--data_dir", data_dir]
        subprocess.run(whole, check=True, stdout=subprocess.DEVNULL)
    return Work(
        folders=tuple(map(str, folders)),
        num_frames=frames,
        data_dir=data_dir,
        epoch=max(epoch, batch_size),
        decode_size=decode_size,
        image_size=image_size,
        batch_size=batch_size,
    )


def torch_style(work: Work, num_workers: int, *, augmented: bool = True) -> Iterator[int]:
    """The PyTorch-style loader; without augmentation it resizes only, as the release's test set."""
    import torch

    from benchmarks.input import torch_style_loader

    if num_workers == 0:
        torch.set_num_threads(1)  # as in every worker process of a DataLoader
    dataset = torch_style_loader.FolderClips(
        [work.folders[i] for i in work.order],
        [i % 7 for i in work.order],
        [work.num_frames] * work.epoch,
        image_size=work.image_size,
        train=augmented,
    )
    batches = torch_style_loader.batches(
        dataset, batch_size=work.batch_size, num_workers=num_workers
    )
    for clips, _ in batches:
        yield len(clips)


def decode_path(work: Work, num_workers: int, *, augmented: bool = False) -> Iterator[int]:
    """Our loader, reading encoded clips; with augmentation, on the CPU of the same process."""
    from dfer_jax.data.source import open_split

    source = open_split(dataset="dfew/full", split=SPLIT, data_dir=work.data_dir)
    return _ours(source, work, num_workers, augmented)


def cache_path(work: Work, num_workers: int, *, augmented: bool = False) -> Iterator[int]:
    """Our loader, reading the frame cache."""
    from dfer_jax.data.cached_source import open_cached_split

    source = open_cached_split(
        dataset="dfew/full", split=SPLIT, data_dir=work.data_dir, size=work.decode_size
    )
    return _ours(source, work, num_workers, augmented)


def _ours(source, work: Work, num_workers: int, augmented: bool) -> Iterator[int]:
    from dfer_jax.data.frame_protocol import FrameProtocol
    from dfer_jax.data.pipeline import training_batches

    batches = training_batches(
        source.subset(work.order),
        protocol=FrameProtocol(FRAMES),
        decode_size=work.decode_size,
        batch_size=work.batch_size,
        seed=0,
        start_step=0,
        num_steps=10**9,
        num_workers=num_workers,
    )
    augment = _augmentation(work) if augmented else None
    for batch in batches:
        if augment is not None:
            augment(batch["clips"])
        yield len(batch["labels"])


def _augmentation(work: Work) -> Callable[[np.ndarray], None]:
    """Returns our augmentation, compiled for the CPU; it waits for the result."""
    import jax

    from dfer_jax.training.augment.crops import augment_clips

    jax.config.update("jax_platforms", "cpu")
    keys = jax.random.split(jax.random.key(0), work.batch_size)
    compiled = jax.jit(augment_clips, static_argnames="image_size")

    def augment(clips: np.ndarray) -> None:
        jax.block_until_ready(compiled(keys, clips, image_size=work.image_size))

    return augment


def read_clip(work: Work) -> Iterator[int]:
    """Reading one clip, all its frames still encoded."""
    from dfer_jax.data.source import open_split

    source = open_split(dataset="dfew/full", split=SPLIT, data_dir=work.data_dir)
    for position in itertools.cycle(range(len(source))):
        source[position]
        yield 1


def decode_clip(work: Work) -> Iterator[int]:
    """Decoding 16 frames of a clip in memory."""
    from dfer_jax.data.decode import decode_frames
    from dfer_jax.data.sampling import sample_frames
    from dfer_jax.data.source import open_split

    source = open_split(dataset="dfew/full", split=SPLIT, data_dir=work.data_dir)
    examples = [source[position] for position in range(min(len(source), 20))]
    for example in itertools.cycle(examples):
        wanted = sample_frames(example["num_frames"], segments=FRAMES)
        decode_frames(example["frames"], wanted, size=work.decode_size, clip=example["clip_id"])
        yield 1


def augment_batch(work: Work) -> Iterator[int]:
    """Augmenting one batch of noise, on the CPU."""
    size = work.decode_size
    shape = (work.batch_size, FRAMES, size, size, 3)
    clips = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    augment = _augmentation(work)
    while True:
        augment(clips)
        yield work.batch_size


PEER, PEER_RESIZING = "PyTorch-style loader", "PyTorch-style loader, resizing only"
LOADERS = {
    PEER: torch_style,
    PEER_RESIZING: functools.partial(torch_style, augmented=False),
    "decode path": decode_path,
    "decode path + augmentation": functools.partial(decode_path, augmented=True),
    "cache path": cache_path,
    "cache path + augmentation": functools.partial(cache_path, augmented=True),
}
"""Name -> function of (work, num_workers)."""

PARTS = {
    "part: read a clip": read_clip,
    "part: decode 16 frames": decode_clip,
    "part: augment": augment_batch,
}
"""Name -> function of (work), on one thread."""
