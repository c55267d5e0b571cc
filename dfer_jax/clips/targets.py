"""What a clip is trained towards beyond its label: votes, mixtures, groups of classes, centres."""

from collections.abc import Callable, Iterator, Sequence

import ml_collections
import numpy as np
from jaxtyping import Float

from dfer_jax.data import pipeline
from dfer_jax.data.cached_source import Source, index_of
from dfer_jax.errors import UserError, list_in_line
from dfer_jax.labels import shared_classes
from dfer_jax.runtime.parallel import Parallel
from dfer_jax.training.centre_loss import CentreLoss
from dfer_jax.training.mixing import Mixing

SOFT_LABELS = ("", "votes")
_OF_ONE_LABEL = ("ial_weight", "gap_weight", "compact_weight", "ecstfl_weight", "centre_weight")


def check(config: ml_collections.ConfigDict, parallel: Parallel) -> None:
    """Checks the fields about targets before any data is read.

    Raises:
        UserError: for the first one that cannot work.
    """
    mix, loss = config.mix, config.loss
    if config.data.soft_labels not in SOFT_LABELS:
        raise UserError(f"data.soft_labels={config.data.soft_labels!r} is unknown; choose votes")
    for name in ("mixup_alpha", "cutmix_alpha"):
        if mix[name] < 0:
            raise UserError(f"mix.{name}={mix[name]} must be 0 (off) or above")
    for section, name in (("mix", "cutmix_share"), ("loss", "centre_rate")):
        if not 0 <= config[section][name] <= 1:
            raise UserError(f"{section}.{name}={config[section][name]} must be in [0, 1]")
    mixes = bool(mix.mixup_alpha or mix.cutmix_alpha)
    if mixes:
        apart = parallel.num_devices * config.train.accumulation_steps
        if config.train.batch_size < 2 * apart:
            raise UserError(
                f"mix needs two clips together; train.batch_size={config.train.batch_size} leaves "
                f"one for each of {apart} micro-batches: raise it or set mix.mixup_alpha=0 and "
                "mix.cutmix_alpha=0"
            )
    if mixes or config.data.soft_labels:
        why = "mix" if mixes else f"data.soft_labels={config.data.soft_labels}"
        for name in _OF_ONE_LABEL:
            if loss[name]:
                raise UserError(
                    f"loss.{name}={loss[name]} asks for one label a clip, {why} gives shares of "
                    "several; set one of the two to 0 or off"
                )
        if config.robust.method != "none":
            raise UserError(
                f"robust.method={config.robust.method} judges one label a clip, {why} gives shares "
                "of several; set robust.method=none or the other off"
            )


def mixing(config: ml_collections.ConfigDict, *, num_classes: int) -> Mixing | None:
    """Returns how clips are mixed; None where they are not."""
    mix = config.mix
    if not (mix.mixup_alpha or mix.cutmix_alpha):
        return None
    return Mixing(num_classes, mix.mixup_alpha, mix.cutmix_alpha, mix.cutmix_share)


def centre_loss(config: ml_collections.ConfigDict) -> CentreLoss | None:
    """Returns the centre loss; None where its weight is 0."""
    loss = config.loss
    if not loss.centre_weight:
        return None
    return CentreLoss(loss.centre_weight, loss.centre_rate, config.train.batch_size)


def groups(
    config: ml_collections.ConfigDict, classes: Sequence[str]
) -> tuple[tuple[int, ...], ...]:
    """Returns the groups of classes as places in `classes`; () where `loss.group_weight` is 0.

    Args:
        config: its `loss.groups` name the classes of each, or synonyms ("happy").
        classes: of the data set.

    Raises:
        UserError: if a class is in no group or in two, or a name is not the data set's.
    """
    if not config.loss.group_weight:
        return ()
    named = [name for group in config.loss.groups for name in group]
    found = shared_classes(tuple(dict.fromkeys(named)), classes)
    places = dict(zip(found.names, map(list(classes).index, found.of_data), strict=True))
    if len(named) != len(classes) or not found.are_all:
        raise UserError(
            f"loss.groups must name each class of {config.data.dataset} once "
            f"({list_in_line(classes)}), not {list_in_line(named)}"
        )
    return tuple(tuple(places[name] for name in group) for group in config.loss.groups)


def soft_labels(
    config: ml_collections.ConfigDict, source: Source
) -> Float[np.ndarray, "clips k"] | None:
    """Returns the share of each class in a clip's votes; None where labels are used as they are.

    A clip without votes has its label alone.

    Raises:
        UserError: if the data set has no votes for any of these clips.
    """
    if not config.data.soft_labels:
        return None
    index, k = index_of(source), len(source.classes)
    if index.votes is None or index.votes.shape[1:] != (k,) or not index.votes.any():
        raise UserError(
            f"data.soft_labels=votes, but {config.data.dataset} has no votes of annotators for its "
            "clips; build it with them (DFEW: extract annotation.zip, then build again), or set "
            "data.soft_labels=''"
        )
    total = index.votes.sum(axis=1, keepdims=True)
    shares = np.where(total > 0, index.votes / np.maximum(total, 1), np.eye(k)[index.labels])
    return shares.astype(np.float32)


def with_targets(
    batches: Iterator[pipeline.Batch],
    targets: Float[np.ndarray, "clips k"],
    *,
    places_at: Callable[[int], list[int]],
    start_step: int,
) -> Iterator[pipeline.Batch]:
    """Yields the batches with `targets` float32 `[b, k]`.

    Args:
        batches: of the steps from `start_step` on.
        targets: of every clip of the source.
        places_at: gives the places in the source of the clips of a step.
        start_step: of the first batch.
    """
    for step, batch in enumerate(batches, start_step):
        yield {**batch, "targets": targets[places_at(step)]}
