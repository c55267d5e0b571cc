"""Which loss of frames is minimised, and how a window of them is varied."""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from dfer_jax.frames.losses import binary_cross_entropy, cross_entropy
from dfer_jax.runs.train_state import TrainState
from dfer_jax.runtime.parallel import Parallel
from dfer_jax.training.augment.augmentation import Augmentation
from dfer_jax.training.augment.crops import resize_clips
from dfer_jax.training.step import Batch


@dataclasses.dataclass(frozen=True)
class FrameObjective:
    """Mean loss of the labelled frames: cross-entropy, or sigmoid cross-entropy of action units.

    Attributes:
        kind: `expressions` or `action_units`.
        class_weights: one per class, or per unit of its positive frames; None for ones.
    """

    kind: str
    class_weights: Float[Array, " k"] | None = None

    def __call__(
        self,
        logits: Float[Array, "b t k"],
        out: PyTree,
        labels: Int[Array, "b t ..."],
        weights: Float[Array, "b t"],
        step: Int[Array, ""],
    ) -> tuple[Array, dict[str, Array]]:
        """Returns the loss, and the accuracy of frames (expressions) or of cells (units).

        `weights` are those of `weigh_frames`: zero where a frame has no label, of mean 1.
        """
        del out, step
        mask = weights > 0
        if self.kind == "expressions":
            loss = cross_entropy(logits, labels, mask, class_weights=self.class_weights)
            right = (logits.argmax(-1) == labels).astype(jnp.float32)
        else:
            loss = binary_cross_entropy(logits, labels, mask, positive_weights=self.class_weights)
            right = ((logits >= 0) == (labels == 1)).mean(axis=-1, dtype=jnp.float32)
        return (weights * loss).mean(), {"accuracy": (weights * right).mean()}


def make_row_weights_of_frames(parallel: Parallel):
    """Returns a `RowWeights` of `train_step`: mask / its mean over all devices.

    So every labelled frame of a batch counts the same, however windows are dealt to devices.
    """

    def row_weights(state: TrainState, keys: Array, batch: Batch) -> tuple[Array, dict[str, Array]]:
        del state, keys
        mask = batch["mask"].astype(jnp.float32)
        return mask / jnp.maximum(parallel.mean(mask.mean()), 1e-6), {}

    return row_weights


@dataclasses.dataclass(frozen=True)
class FrameAugmentation:
    """How windows of pictures are varied; features are left as they are.

    Attributes:
        image_size: side of the pictures that the network sees.
        augmentation: of a clip; None shows pictures as evaluation does.
        per_frame: whether each frame is varied on its own, as the released ABAW 2021 code does;
            otherwise crops and flips are those of the window.
    """

    image_size: int
    augmentation: Augmentation | None
    per_frame: bool

    def __call__(self, keys: Array, clips: Array) -> Array:
        """Returns float32 pictures in [0, 1], or features, one key per window."""
        if clips.ndim == 3:
            return clips.astype(jnp.float32)
        if self.augmentation is None:
            return resize_clips(clips, image_size=self.image_size)
        if not self.per_frame:
            return self.augmentation(keys, clips)
        b, t = clips.shape[:2]
        each = jax.vmap(lambda key: jax.random.split(key, t))(keys).reshape(b * t)
        varied = self.augmentation(each, clips.reshape(b * t, 1, *clips.shape[2:]))
        return varied.reshape(b, t, *varied.shape[2:])
