"""From a source of clips to uint8 batches: sample, decode only the sampled frames, batch, prefetch.

Frames are decoded, or copied from the frame cache, straight into the batch: once, for a copy of a
batch costs as much as reading it from the cache.

Batch `{"clips": uint8 [b, t, s, s, 3] RGB, "labels": int32 [b], "mask": bool [b]}`. What a batch
holds is a function of the source, the arguments, the seed and the step alone: neither the number of
workers nor where a run was resumed changes it.
"""

import collections
import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import grain

from dfer_jax.data.cached_source import CachedSource, Source
from dfer_jax.data.clip_rows import Batch, ChooseFrames, Stack
from dfer_jax.data.frame_protocol import FrameProtocol
from dfer_jax.data.readers.pool import read_ahead
from dfer_jax.errors import UserError, counted

T = TypeVar("T")

# Two threads in each process read and decode a batch each, outside Python's lock for most of the
# time. Grain's own default would hold 500 batches in memory.
_READ_AHEAD = grain.ReadOptions(num_threads=2, prefetch_buffer_size=2)


class OwnRows(grain.MapDataset):
    """The clips at some rows of every batch; those at other rows are not even read."""

    def __init__(self, clips: grain.MapDataset, *, batch_size: int, rows: range) -> None:
        super().__init__(clips)
        self._clips, self._batch_size, self._rows = clips, batch_size, rows

    def __len__(self) -> int:
        whole, rest = divmod(len(self._clips), self._batch_size)
        return whole * len(self._rows) + len(range(rest)[self._rows.start : self._rows.stop])

    def __getitem__(self, index: int) -> Any:
        epoch, place = divmod(index, len(self))
        batch, row = divmod(place, len(self._rows))
        first = epoch * len(self._clips) + batch * self._batch_size
        return self._clips[first + self._rows[row]]


def steps_per_epoch(num_clips: int, batch_size: int) -> int:
    """Returns the number of full batches in one pass; the incomplete last one is dropped.

    Raises:
        UserError: if there are fewer clips than one batch takes.
    """
    if batch_size > num_clips:
        raise UserError(
            f"a batch of {batch_size} clips cannot be filled from "
            f"{counted(num_clips, 'training clip')}; use a smaller batch (train.batch_size)"
        )
    return num_clips // batch_size


def training_batches(
    source: Source,
    *,
    protocol: FrameProtocol,
    decode_size: int,
    batch_size: int,
    rows: range | None = None,
    seed: int,
    start_step: int,
    num_steps: int,
    num_workers: int,
    views: int = 0,
) -> Iterator[Batch]:
    """Yields the batches of steps `start_step` to `num_steps` - 1.

    Every epoch is a fresh permutation of the clips, of which the incomplete last batch is dropped,
    as the release does. Frames are drawn anew each time a clip comes up.

    Args:
        source: the training clips.
        protocol: which frames of a clip a batch holds.
        decode_size: side s of the pictures handed over, in pixels.
        batch_size: clips in a batch.
        rows: consecutive rows of every batch to read, as one of several processes; None: all.
        seed: of permutations and frame draws, 0 <= seed < 2**32.
        start_step: first step, 0 for a fresh run; a resumed run continues with the same batches.
        num_steps: of the whole run.
        num_workers: decoding processes, two threads in each; 0 decodes on threads of this process.
        views: further samplings of each clip, as `views` uint8 `[b, views, t, s, s, 3]`.

    Yields:
        `num_steps - start_step` batches, `mask` all true.

    Raises:
        UserError: if there are fewer clips than one batch takes, a frame cannot be decoded, or the
            source is a frame cache of another size.
    """
    steps = steps_per_epoch(len(source), batch_size)
    _check_size(source, decode_size)
    still = protocol.sampling == "grid"  # RDFER's frames do not move from epoch to epoch
    choose = ChooseFrames(protocol, views, as_at_test=still)
    clips = grain.MapDataset.source(source).seed(seed).shuffle().random_map(choose)
    if rows is not None:
        clips = OwnRows(clips[: steps * batch_size], batch_size=batch_size, rows=rows)
    own = batch_size if rows is None else len(rows)
    stack = Stack(own, protocol.num_frames, decode_size, with_facts=False, views=views)
    batches = clips.batch(own, drop_remainder=True, batch_fn=stack).repeat()
    return iterate(batches[start_step:num_steps], num_workers)


def evaluation_batches(
    source: Source,
    *,
    protocol: FrameProtocol,
    decode_size: int,
    batch_size: int,
    rows: range | None = None,
    num_workers: int,
    views: int = 0,
    seed: int = 0,
) -> Iterator[Batch]:
    """Yields every clip once, in order; the last batch is padded with zeros and `mask` False.

    Arguments as in `training_batches`; frames are those of the protocol's test views, with several
    of them `clips` is `[b, test_views, t, s, s, 3]`. Further `views` are random, drawn by the seed
    and the clip's place alone.

    Yields:
        batches that also carry `clip_id` (str `[b]`, "" in padding), `frame_index` (int32 `[b, t]`,
        places in the clip, of the first test view) and, where the dataset has it, `peak_intensity`
        (float32 `[b]`); with `rows` as many batches as without, the last one all padding where the
        clips end before these rows.

    Raises:
        UserError: if a frame cannot be decoded, or the source is a frame cache of another size.
    """
    _check_size(source, decode_size)
    choose = ChooseFrames(protocol, views, as_at_test=True)
    own = batch_size if rows is None else len(rows)
    several, frames = protocol.test_views, protocol.num_frames
    stack = Stack(own, frames, decode_size, with_facts=True, views=views, test_views=several)
    clips = grain.MapDataset.source(source)
    clips = clips.seed(seed).random_map(choose) if views else clips.map(choose)
    if rows is not None:
        clips = OwnRows(clips, batch_size=batch_size, rows=rows)
    batches = clips.batch(own, batch_fn=stack)
    ends_early = len(batches) * batch_size < len(source)
    return iterate(batches, num_workers, then=[stack([])] if ends_early else [])


def prefetch_to_device(
    batches: Iterable[T], put: Callable[[T], Any], *, depth: int = 2
) -> Iterator[Any]:
    """Yields `put(batch)` for each batch, keeping `depth` of them on the way to the device.

    A batch is fetched after the step on an earlier one has been dispatched, so that reading and
    transfer overlap with the computation.

    Args:
        batches: host batches.
        put: starts the transfer of a batch and returns it on the device, as `jax.device_put` does.
        depth: batches held on the device beyond the one in use, at least 1.
    """
    on_the_way = collections.deque()
    for batch in batches:
        on_the_way.append(put(batch))
        if len(on_the_way) > depth:
            yield on_the_way.popleft()
    yield from on_the_way


def _check_size(source: Source, decode_size: int) -> None:
    if isinstance(source, CachedSource) and source.size != decode_size:
        raise UserError(
            f"decode_size is {decode_size}, but the frame cache {source.folder} holds frames of "
            f"{source.size} x {source.size}; build one of size {decode_size}, or do without"
        )


def iterate(
    batches: grain.MapDataset, num_workers: int, *, then: Sequence[Batch] = ()
) -> Iterator[Batch]:
    """Runs a pipeline; an exception raised in a worker arrives here as the one it was.

    Raises:
        UserError: if a worker has died or is stuck, naming the clip.
    """
    if num_workers:
        yield from read_ahead(batches, num_workers)
    else:
        with contextlib.closing(iter(batches.to_iter_dataset(_READ_AHEAD))) as in_order:
            yield from in_order
    yield from then
