"""Gradients of a batch on one device, at once or in micro-batches."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, PyTree, Shaped

from dfer_jax.runs.train_state import TrainState
from dfer_jax.training.centre_loss import CentreLoss
from dfer_jax.training.mixing import Mixing


class Found(NamedTuple):
    """What a device's rows give.

    Attributes:
        grads: of the mean loss, by parameter.
        batch_stats: after these rows.
        metrics: means, float32 scalars.
        centre_sums: of `CentreLoss`, over the rows; empty without.
    """

    grads: PyTree
    batch_stats: PyTree
    metrics: dict[str, Array]
    centre_sums: dict[str, Array]


Gradients = Callable[..., Found]
"""(state, batch_stats, keys, clips, labels, weights) -> what these rows give."""


def make_gradients(
    model: nn.Module,
    objective: Callable,
    augmentation: Callable,
    *,
    train: bool,
    mixing: Mixing | None,
    centre_loss: CentreLoss | None,
) -> Gradients:
    """Returns the gradients as a function of rows; arguments as of `step.make_train_step`."""

    def gradients(
        state: TrainState,
        batch_stats: PyTree,
        keys: Array,
        clips: Array,
        labels: Array,
        weights: Array,
    ) -> Found:
        clips = augmentation(keys, clips)
        # Augmentation splits the keys, never folds.
        dropout, mix = (jax.random.fold_in(keys[0], use) for use in (1, 2))
        if mixing:
            clips, labels = mixing(mix, clips, labels)

        def loss_fn(params: PyTree) -> tuple[Array, tuple]:
            (logits, out), updated = model.apply(
                {"params": params, "batch_stats": batch_stats},
                clips,
                train=train,
                mutable=["batch_stats"],
                rngs={"dropout": dropout},
            )
            loss, parts = objective(logits, out, labels, weights, state.step)
            sums = {}
            if centre_loss:
                part, sums = centre_loss(out["features"], labels, state.centres)
                loss, parts = loss + centre_loss.weight * part, {**parts, "centre": part}
            return loss, (updated.get("batch_stats", {}), {"loss": loss, **parts}, sums)

        grads, others = jax.grad(loss_fn, has_aux=True)(state.params)
        return Found(grads, *others)

    return gradients


def accumulating(gradients: Gradients, steps: int) -> Gradients:
    """Returns the same function of a batch, computed in `steps` micro-batches one by one."""

    def accumulated(state: TrainState, batch_stats: PyTree, *whole: Array) -> Found:
        def add(carry: tuple, micro_batch: tuple) -> tuple[tuple, tuple]:
            sums, batch_stats = carry
            found = gradients(state, batch_stats, *micro_batch)
            sums = jax.tree.map(jnp.add, sums, found.grads)
            return (sums, found.batch_stats), (found.metrics, found.centre_sums)

        start = jax.tree.map(jnp.zeros_like, state.params), batch_stats
        cut = tuple(_micro_batches(x, steps) for x in whole)
        (sums, batch_stats), (metrics, centre_sums) = jax.lax.scan(add, start, cut)
        return Found(
            grads=jax.tree.map(lambda x: x / steps, sums),
            batch_stats=batch_stats,
            metrics={name: part.mean() for name, part in metrics.items()},
            centre_sums={name: part.sum(axis=0) for name, part in centre_sums.items()},
        )

    return accumulated


def _micro_batches(x: Shaped[Array, "b ..."], count: int) -> Shaped[Array, "{count} n ..."]:
    """Deals the rows out in turn: row r to micro-batch r % count."""
    return x.reshape(x.shape[0] // count, count, *x.shape[1:]).swapaxes(0, 1)
