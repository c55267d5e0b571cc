"""From a config to checked, explicit pieces: the model, its preprocessing, its splits."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax
import ml_collections
import numpy as np
import optax
from absl import logging
from flax import linen as nn

from dfer_jax import models, optim, processes
from dfer_jax.data import pipeline
from dfer_jax.data.cached_source import Source, index_of, open_cached_split
from dfer_jax.data.clip_index import carve_validation, draw_balanced
from dfer_jax.data.sampling import POLICIES
from dfer_jax.data.source import known_splits, open_split
from dfer_jax.errors import UserError
from dfer_jax.labels import CLASSES
from dfer_jax.parallel import Parallel

_DTYPES = ("auto", "float32", "bfloat16")


class Splits(NamedTuple):
    """TFDS split expressions of one experiment, and the name its results go by."""

    train: str
    test: str
    test_name: str


def splits(config: ml_collections.ConfigDict) -> Splits:
    """Returns the train and test splits: fold k against the others, or the named ones.

    Raises:
        UserError: if the fold does not exist.
    """
    count, fold = config.data.num_folds, config.fold
    if not count:
        if fold:
            raise UserError(f"fold={fold}, but {config.data.dataset} has no folds; set fold=0")
        test = config.data.test_split
        return Splits(config.data.train_split, test, test)
    if not 1 <= fold <= count:
        raise UserError(f"fold={fold} does not exist; {config.data.dataset} has folds 1 to {count}")
    others = "+".join(f"fd{k}" for k in range(1, count + 1) if k != fold)
    return Splits(others, f"fd{fold}", f"fd{fold}")


def num_frames(config: ml_collections.ConfigDict) -> int:
    """Returns T, the frames a clip is given to the model with."""
    return config.data.segments * config.data.frames_per_segment


def model_kwargs(config: ml_collections.ConfigDict) -> dict[str, Any]:
    """Returns the model's arguments as plain values, as stored in a checkpoint."""
    fields = config.model.to_dict()
    fields.pop("name")
    fields.pop("dtype")
    return {
        **{k: list(v) if isinstance(v, tuple) else v for k, v in fields.items()},
        "num_classes": len(CLASSES),
        "num_frames": num_frames(config),
    }


def compute_dtype(name: str) -> jax.typing.DTypeLike:
    """Returns the dtype of activations: float32, bfloat16, or by device for `auto`.

    Raises:
        UserError: if the name is none of these.
    """
    if name not in _DTYPES:
        raise UserError(f"model.dtype={name!r} is unknown; choose from {', '.join(_DTYPES)}")
    if name == "auto":
        name = "bfloat16" if jax.default_backend() == "gpu" else "float32"
    return jax.numpy.dtype(name)


def create_model(
    name: str, kwargs: Mapping[str, Any], *, dtype: str, parallel: Parallel
) -> nn.Module:
    """Returns the model of a checkpoint's or config's plain arguments, for these devices."""
    frozen = {k: tuple(v) if isinstance(v, list) else v for k, v in kwargs.items()}
    return models.create_model(
        name, **frozen, dtype=compute_dtype(dtype), axis_name=parallel.axis_name
    )


def preprocess(config: ml_collections.ConfigDict) -> dict[str, Any]:
    """Returns how a clip becomes the model's input, as stored in a checkpoint."""
    data = config.data
    return {
        "segments": data.segments,
        "frames_per_segment": data.frames_per_segment,
        "sampling": data.sampling,
        "decode_size": data.decode_size,
        "image_size": config.model.image_size,
        "value_range": [0, 1],
        "color": "RGB",
    }


def aux_weights(config: ml_collections.ConfigDict) -> dict[str, float]:
    """Returns the loss weight of each auxiliary head by stage.

    Raises:
        UserError: if stages and weights do not pair up.
    """
    stages, weights = tuple(config.model.aux_stages), tuple(config.loss.aux_weights)
    if len(stages) != len(weights):
        raise UserError(
            f"loss.aux_weights={weights} must hold one weight for each of model.aux_stages={stages}"
        )
    return dict(zip(stages, (float(w) for w in weights), strict=True))


def schedule(config: ml_collections.ConfigDict, steps_per_epoch: int) -> optax.Schedule:
    """Returns the learning rate by step; see `optim.make_schedule`."""
    return optim.make_schedule(
        config.optim.schedule,
        learning_rate=config.optim.learning_rate,
        steps_per_epoch=steps_per_epoch,
        decay_rate=config.optim.decay_rate,
        decay_epochs=config.optim.decay_epochs,
        milestones=config.optim.milestones,
        kwargs=config.optim.schedule_kwargs.to_dict(),
    )


def check(config: ml_collections.ConfigDict, parallel: Parallel) -> None:
    """Checks what can be checked before any data is read.

    Raises:
        UserError: for the first field that cannot work.
    """
    if not config.data.dataset:
        raise UserError("data.dataset is empty; use one of the files in configs/ or set it")
    splits(config)
    aux_weights(config)
    compute_dtype(config.model.dtype)
    if config.data.sampling not in POLICIES:
        known = ", ".join(POLICIES)
        raise UserError(f"data.sampling={config.data.sampling!r} is unknown; choose from {known}")
    training = ("epochs", "log_every_steps", "eval_every_epochs", "accumulation_steps")
    positive = [f"train.{name}" for name in training]
    for field in (*positive, "data.segments", "data.frames_per_segment", "data.decode_size"):
        section, name = field.split(".")
        if config[section][name] < 1:
            raise UserError(f"{field}={config[section][name]} must be at least 1")
    parallel.check_batch_size(
        "train.batch_size",
        config.train.batch_size,
        accumulation_steps=config.train.accumulation_steps,
    )
    parallel.check_batch_size("eval.batch_size", config.eval.batch_size)
    if not 0 <= config.data.validation_fraction < 1:
        raise UserError(
            f"data.validation_fraction={config.data.validation_fraction} must be in [0, 1)"
        )


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
    names = splits(config)
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
            index_of(train), per_class=config.data.clips_per_class, seed=config.seed
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
    )


def evaluation_batches(
    config: ml_collections.ConfigDict, source: Source
) -> Iterator[pipeline.Batch]:
    """Returns this process's rows of the batches of one evaluation."""
    return pipeline.evaluation_batches(
        source,
        **_sampling(config),
        batch_size=config.eval.batch_size,
        rows=processes.own_rows(config.eval.batch_size),
        num_workers=config.data.num_workers,
    )


def _sampling(config: ml_collections.ConfigDict) -> dict[str, Any]:
    return {
        "segments": config.data.segments,
        "frames_per_segment": config.data.frames_per_segment,
        "policy": config.data.sampling,
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
