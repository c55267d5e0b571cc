"""Asks a model about several random views of every clip, and judges the clips by the answers."""

from collections.abc import Callable, Iterable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PyTree

from dfer_jax.clips.noisy_labels.files import Judged
from dfer_jax.errors import UserError
from dfer_jax.runtime import processes
from dfer_jax.runtime.parallel import Parallel
from dfer_jax.training.agreement import Agreement


def judge_clips(
    view_step: Callable,
    variables: PyTree,
    batches: Iterable[dict[str, np.ndarray]],
    devices: Parallel,
    agreement: Agreement,
    *,
    classes: Sequence[str],
) -> Judged:
    """Judges every clip once; nothing but its views and its label is looked at.

    The same views give the same judgement, bit for bit. With several processes each brings its own
    rows of the same number of batches, and all return the same.

    Args:
        view_step: of `random_views.make_view_step`.
        variables: `{"params", "batch_stats"}`.
        batches: of `data.pipeline.evaluation_batches` with views; masked rows are left out.
        devices: the same as the step's.
        agreement: its views are those of the batches; its warm-up and ramp are not used.
        classes: what the logits, and the labels of the batches, mean.

    Raises:
        UserError: if there is no clip, a prediction is not finite, or there are not as many views.
    """
    facts, pending = [], []
    for batch in batches:
        facts.append({name: batch[name] for name in ("clip_id", "labels", "mask")})
        pending.append(view_step(variables, devices.put({"views": batch["views"]}))[1])
        if len(pending) > 1:  # one batch in flight: the host decodes while the device computes
            jax.block_until_ready(pending[-2])
    if not pending:
        raise UserError("the split to judge has no clip")
    own = np.stack([found["probabilities"] for found in jax.device_get(pending)])
    probabilities = processes.gather_rows(own)  # [m, b, v, k]
    mask, labels = (
        processes.gather_rows(np.stack([fact[name] for fact in facts]))
        for name in ("mask", "labels")
    )
    clip_ids = _gather_texts(np.stack([fact["clip_id"].astype(object) for fact in facts]))
    return _judge(
        clip_ids[mask].astype(str), labels[mask], probabilities[mask], agreement, tuple(classes)
    )


def _gather_texts(own: np.ndarray) -> np.ndarray:
    """As `processes.gather_rows`, of texts `[m, own]`."""
    by_process = np.array(processes.gather(own.tolist()), object)  # [p, m, own]
    return np.moveaxis(by_process, 0, 1).reshape(len(own), -1)


def _judge(
    clip_ids: np.ndarray,
    labels: np.ndarray,
    probabilities: Float[np.ndarray, "n v k"],
    agreement: Agreement,
    classes: tuple[str, ...],
) -> Judged:
    if not np.isfinite(probabilities).all():
        raise UserError("the model's predictions are not finite; its training diverged")
    judgement = jax.device_get(
        agreement.judge(jnp.asarray(probabilities, jnp.float32), jnp.asarray(labels, jnp.int32))
    )
    # Sorted, as the sum's rounding depends on the order of the views.
    mean = np.sort(probabilities.astype(np.float32), axis=1).mean(axis=1)
    return Judged(
        classes=classes,
        views=agreement.views,
        clip_ids=clip_ids,
        labels=labels.astype(np.int32),
        modal_class=judgement.modal_class.astype(np.int32),
        share=judgement.share,
        margin=judgement.margin,
        label_probability=np.take_along_axis(mean, labels[:, None], axis=1)[:, 0],
        verdict=judgement.verdict,
    )
