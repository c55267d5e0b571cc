"""The clips of an experiment: which splits, which of their clips, in which batches."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import ml_collections
import numpy as np
from absl import logging

from dfer_jax.clips import experiment
from dfer_jax.data import pipeline
from dfer_jax.data.batch_order import examples_at
from dfer_jax.data.cached_source import Source, index_of, open_cached_split
from dfer_jax.data.clip_index import carve_validation, draw_balanced
from dfer_jax.data.frame_protocol import FrameProtocol
from dfer_jax.data.source import known_splits, open_split
from dfer_jax.errors import UserError
from dfer_jax.runtime import processes


@dataclasses.dataclass(frozen=True)
class Sources:
    """The clips of one experiment.

    Attributes:
        train: clips trained on.
        validation: clips that choose the best epoch, of a split of their own or held out of
            training; None for none.
        test: clips of the test split.
    """

    train: Source
    validation: Source | None
    test: Source

    @property
    def selection(self) -> str:
        """How the best epoch is chosen, in words."""
        return "best on test" if self.validation is None else "best on validation"

    @property
    def evaluated(self) -> dict[str, Source]:
        """What is measured after an epoch; the first entry chooses the best one."""
        validation = {} if self.validation is None else {"validation": self.validation}
        return {**validation, "test": self.test}


def open_sources(config: ml_collections.ConfigDict) -> Sources:
    """Opens the built data set, drops clips below `data.min_frames`, finds validation clips.

    They are those of `data.validation_split`, if the data set has it, or carved out of training.
    What is dropped is logged with its count. With `data.clips_per_class` only so many clips of each
    class are trained on, drawn from what is left after the validation clips. With `data.cache`
    frames come from the frame cache of size `data.decode_size`; clips and order are the same.

    Raises:
        UserError: if the data set or its frame cache is not built, a split is unknown, no clip is
            left, or validation clips are asked for in both ways.
    """
    names = experiment.splits(config)
    train, test = (
        _long_enough(config, _open(config, split)) for split in (names.train, names.test)
    )
    validation, split = None, config.data.validation_split
    if split and split in known_splits(config.data.dataset, config.data.data_dir):
        if config.data.validation_fraction:
            raise UserError(
                f"{config.data.dataset} has the split {split!r} to choose the best epoch; set "
                "data.validation_fraction=0 to use it, or data.validation_split='' not to"
            )
        validation = _long_enough(config, _open(config, split))
    if config.data.validation_fraction:
        kept, held_out = carve_validation(index_of(train), fraction=config.data.validation_fraction)
        train, validation = train.subset(kept.tolist()), train.subset(held_out.tolist())
    if config.data.clips_per_class:
        drawn = draw_balanced(
            index_of(train),
            classes=train.classes,
            per_class=config.data.clips_per_class,
            seed=config.seed,
        )
        train = train.subset(drawn.tolist())
    return Sources(train, validation, test)


def training_batches(
    config: ml_collections.ConfigDict, source: Source, *, start_step: int, num_steps: int
) -> Iterator[pipeline.Batch]:
    """Returns this process's rows of the training batches of `start_step` to `num_steps` - 1."""
    return pipeline.training_batches(
        source,
        **_sampling(config),
        batch_size=config.train.batch_size,
        rows=processes.own_rows(config.train.batch_size),
        seed=config.seed,
        start_step=start_step,
        num_steps=num_steps,
        num_workers=config.data.num_workers,
        views=experiment.num_views(config),
    )


def clips_at(config: ml_collections.ConfigDict, source: Source, step: int) -> list[str]:
    """Returns the ids of the clips in this process's rows of a step's training batch."""
    return index_of(source).clip_ids[places_at(config, source, step)].tolist()


def places_at(config: ml_collections.ConfigDict, source: Source, step: int) -> list[int]:
    """Returns the places in the source of the clips of these rows."""
    return examples_at(
        step,
        num_examples=len(source),
        batch_size=config.train.batch_size,
        rows=processes.own_rows(config.train.batch_size),
        seed=config.seed,
    )


def evaluation_batches(
    config: ml_collections.ConfigDict, source: Source, *, views: int = 0
) -> Iterator[pipeline.Batch]:
    """Returns this process's rows of the batches of one evaluation, with random views if asked."""
    return pipeline.evaluation_batches(
        source,
        **_sampling(config),
        batch_size=config.eval.batch_size,
        rows=processes.own_rows(config.eval.batch_size),
        num_workers=config.data.num_workers,
        views=views,
        seed=config.seed,
    )


def _sampling(config: ml_collections.ConfigDict) -> dict[str, Any]:
    return {
        "protocol": FrameProtocol.of(config.data),
        "decode_size": config.data.decode_size,
    }


def _open(config: ml_collections.ConfigDict, split: str) -> Source:
    data = config.data
    names = {"dataset": data.dataset, "split": split, "data_dir": data.data_dir}
    if not data.cache:
        return open_split(**names)
    return open_cached_split(**names, size=data.decode_size, cache_dir=data.cache_dir)


def _long_enough(config: ml_collections.ConfigDict, source: Source) -> Source:
    if config.data.min_frames <= 1:
        return source
    index = index_of(source)
    kept = np.flatnonzero(index.num_frames >= config.data.min_frames)
    dropped = np.setdiff1d(np.arange(len(source)), kept)
    logging.warning(  # whatever the verbosity: no clip is dropped in silence
        "data.min_frames=%d drops %d of %d clips of %s: %s",
        config.data.min_frames,
        len(dropped),
        len(source),
        source.split,
        ", ".join(index.clip_ids[dropped]),
    )
    if not len(kept):
        raise UserError(f"data.min_frames={config.data.min_frames} leaves no clip; lower it")
    return source.subset(kept.tolist())
