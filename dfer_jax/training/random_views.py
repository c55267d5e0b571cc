"""Agreement between several random samplings of a clip's frames, for any model of clips.

RDFER (F. Liu, H. Wang, S. Shen, arXiv 2502.16129) classifies several clips of one video by the same
model; here the views are drawn as training frames are and predicted without gradient by the model
as it stands, running statistics and no dropout. So agreement needs nothing of the model, and costs
a forward pass for each view.
"""

from collections.abc import Callable

import jax
from flax import linen as nn
from jaxtyping import Array, Float, PyTree, UInt8

from dfer_jax.runs.train_state import TrainState
from dfer_jax.runtime.parallel import Parallel
from dfer_jax.training.agreement import Agreement
from dfer_jax.training.augment.crops import resize_clips
from dfer_jax.training.step import Batch, RowWeights


def predict_views(
    model: nn.Module, variables: PyTree, views: UInt8[Array, "b v t s s 3"], *, image_size: int
) -> Float[Array, "b v k"]:
    """Returns softmax probabilities, one view at a time to bound memory.

    Args:
        model: of clips.
        variables: `{"params", "batch_stats"}`.
        views: RGB in 0..255.
        image_size: side of the pictures that the model sees.
    """

    def predict(clips: UInt8[Array, "b t s s 3"]) -> Float[Array, "b k"]:
        logits, _ = model.apply(variables, resize_clips(clips, image_size=image_size), train=False)
        return jax.nn.softmax(logits)

    return jax.lax.map(predict, views.swapaxes(0, 1)).swapaxes(0, 1)


def make_row_weights_by_views(
    model: nn.Module, agreement: Agreement, *, image_size: int, steps_per_epoch: int
) -> RowWeights:
    """Returns a `RowWeights` of `train_step`: the agreement of `batch["views"]`.

    Its metrics are `weight`, the mean weight, and `agreement.tally`.
    """

    def row_weights(state: TrainState, keys: Array, batch: Batch) -> tuple[Array, dict[str, Array]]:
        del keys
        probabilities = predict_views(model, state.variables, batch["views"], image_size=image_size)
        labels, epoch = batch["labels"], state.step / steps_per_epoch
        losses = jax.numpy.zeros(labels.shape)
        weights, tally = agreement(losses, probabilities, labels, epoch=epoch)
        return weights, {"weight": weights.mean(), **tally}

    return row_weights


def make_view_step(model: nn.Module, *, image_size: int, parallel: Parallel) -> Callable:
    """Returns the compiled `step(variables, batch) -> ({}, {"probabilities": [b, v, k]})`."""

    def step(variables: PyTree, batch: Batch) -> tuple[PyTree, PyTree]:
        found = predict_views(model, variables, batch["views"], image_size=image_size)
        return {}, {"probabilities": found}

    return parallel.compile_eval(step)
