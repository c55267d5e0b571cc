"""One optimisation step as a pure function of (state, batch)."""

import dataclasses
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from jaxtyping import Array, Float, Int, PyTree

from dfer_jax.errors import UserError
from dfer_jax.runs.train_state import TrainState
from dfer_jax.runtime.parallel import Parallel
from dfer_jax.training import losses
from dfer_jax.training.agreement import Agreement, keep_state_without_weight
from dfer_jax.training.centre_loss import CentreLoss
from dfer_jax.training.class_losses import compact_softmax, group_cross_entropy
from dfer_jax.training.feature_losses import ec_stfl
from dfer_jax.training.gradients import accumulating, make_gradients
from dfer_jax.training.mixing import Mixing
from dfer_jax.training.small_loss import SmallLoss

Batch = Mapping[str, Array]
RowWeights = Callable[[TrainState, Array, Batch], tuple[Array, dict[str, Array]]]
"""(state, a key for each row, a device's rows) -> (weight of each row in the loss, metrics)."""


@dataclasses.dataclass(frozen=True)
class Objective:
    """Which losses are added up; see `losses.clip_loss` for each field's meaning and source.

    `gap_weight` is multiplied by `losses.exponential_decay` at the epoch of the step.

    Attributes:
        instance_weights: stage -> weight of the mean cross-entropy over the instances of a clip.
        ecstfl_weight: of `feature_losses.ec_stfl`, over the clips that a device has at a time.
        ecstfl_form: see there.
        compact_weight: of `class_losses.compact_softmax`.
        group_weight: of `class_losses.group_cross_entropy`.
        groups: see there.
        reweight: decides from losses and instances how much each clip counts; None leaves that be.
    """

    ial_weight: float
    aux_weights: Mapping[str, float]
    gap_weight: float
    gap_form: str
    gap_eps: float
    gap_log_base: str
    gap_decay_amplitude: float
    gap_decay_rate: float
    steps_per_epoch: int
    instance_weights: Mapping[str, float] = dataclasses.field(default_factory=dict)
    label_smoothing: float = 0.0
    ecstfl_weight: float = 0.0
    ecstfl_form: str = "paper"
    compact_weight: float = 0.0
    group_weight: float = 0.0
    groups: tuple[tuple[int, ...], ...] = ()
    reweight: Agreement | SmallLoss | None = None

    def __call__(
        self,
        logits: Array,
        out: Mapping[str, PyTree],
        labels: Int[Array, " b"] | Float[Array, "b k"],
        weights: Float[Array, " b"],
        step: Int[Array, ""],
    ) -> tuple[Array, dict[str, Array]]:
        """Returns the weighted loss over these clips, the mean of each part and `war`.

        Where labels are soft, `war` is that of the class with the largest share.
        """
        epoch = step // self.steps_per_epoch
        decay = losses.exponential_decay(
            epoch, amplitude=self.gap_decay_amplitude, rate=self.gap_decay_rate
        )
        total, parts = losses.clip_loss(
            logits,
            out["aux_logits"],
            labels,
            ial_weight=self.ial_weight,
            aux_weights=self.aux_weights,
            gap_weight=self.gap_weight * decay if self.gap_weight else 0.0,
            gap_form=self.gap_form,
            gap_eps=self.gap_eps,
            gap_log_base=self.gap_log_base,
            label_smoothing=self.label_smoothing,
            instance_logits=out.get("instance_logits", {}),
            instance_weights=self.instance_weights,
        )
        if self.compact_weight:
            parts["compact"] = compact_softmax(logits, labels)
            total = total + self.compact_weight * parts["compact"]
        if self.group_weight:
            parts["groups"] = group_cross_entropy(logits, labels, groups=self.groups)
            total = total + self.group_weight * parts["groups"]
        classes = labels if labels.ndim == 1 else labels.argmax(-1)
        parts["war"] = (logits.argmax(-1) == classes).astype(jnp.float32)
        metrics = {name: part.mean() for name, part in parts.items()}
        if self.reweight:
            own, tally = self.reweight(
                total, _instances(out), labels, epoch=step / self.steps_per_epoch
            )
            weights = weights * own
            metrics |= {"weight": own.mean(), **tally}
        loss = (weights * total).mean()
        if self.ecstfl_weight:
            part = ec_stfl(out["features"], labels, form=self.ecstfl_form)
            loss, metrics["ecstfl"] = loss + self.ecstfl_weight * part, part
        return loss, metrics


def _instances(out: Mapping[str, PyTree]) -> Float[Array, "b v k"] | None:
    """Probabilities of the model's predictions for the single clips it looked at, if it has any."""
    found = out.get("instance_logits", {}).get("detail")
    return None if found is None else jax.nn.softmax(found)


def make_init(
    model: nn.Module,
    optimizer: optax.GradientTransformation,
    *,
    seed: int,
    clip_shape: tuple,
    centre_loss: CentreLoss | None = None,
) -> Callable[[], TrainState]:
    """Returns a function that makes the first state; jit it, or ask for its shapes.

    Args:
        model: the network.
        optimizer: its optimiser.
        seed: of the weights.
        clip_shape: `(t, h, w, 3)`.
        centre_loss: whose centres are part of the state; None: none are.

    The function raises UserError where the network gives no feature vector to have centres of.
    """

    def init() -> TrainState:
        clips = jnp.zeros((1, *clip_shape), jnp.float32)
        key = jax.random.key(seed)
        (logits, out), variables = model.init_with_output(key, clips, train=False)
        centres = {}
        if centre_loss:
            if "features" not in out:
                raise UserError(
                    f"loss.centre_weight needs a network that gives a feature vector for a clip; "
                    f"{type(model).__name__} gives none: set it to 0"
                )
            shape = {"num_classes": logits.shape[-1], "width": out["features"].shape[-1]}
            centres = centre_loss.init(jax.random.fold_in(key, 1), **shape)
        return TrainState(
            step=jnp.zeros((), jnp.int32),
            params=variables["params"],
            batch_stats=variables.get("batch_stats", {}),  # VGG has none
            opt_state=optimizer.init(variables["params"]),
            centres=centres,
        )

    return init


def equal_weights(state: TrainState, keys: Array, batch: Batch) -> tuple[Array, dict[str, Array]]:
    """Lets every row count the same in the loss; a `RowWeights`."""
    del state, keys
    return jnp.ones(batch["labels"].shape[0], jnp.float32), {}


def make_train_step(
    model: nn.Module,
    optimizer: optax.GradientTransformation,
    *,
    objective: Callable[..., tuple[Array, dict[str, Array]]],
    augmentation: Callable[[Array, Array], Array],
    seed: int,
    parallel: Parallel,
    row_weights: RowWeights = equal_weights,
    train: bool = True,
    accumulation_steps: int = 1,
    mixing: Mixing | None = None,
    centre_loss: CentreLoss | None = None,
) -> Callable:
    """Returns the compiled `step(state, batch) -> (state, metrics)`.

    `batch` holds `clips` and int32 `labels`, of which each row is a clip, and where labels are soft
    `targets` [b, k], the share of each class, which take their place. A clip's augmentation depends
    on the seed, the step and its row in the whole batch, hence not on the number of devices; what
    dropout drops does depend on it. Metrics are float32 scalars: `loss`, those of the objective
    and of `row_weights`, and `grad_norm`. Where one is `weight`, the mean weight, and it is zero,
    the step changes nothing: decay and momentum too wait for a clip that counts.

    With `accumulation_steps` above 1 the activations of only that part of the batch are in memory
    at a time; gradients are averaged, and there is one update. Micro-batch j holds the rows r of
    the whole batch with r % accumulation_steps = j, however many devices share it.
    Deviates: BatchNorm then normalises by the statistics of each micro-batch (over all devices),
    and its running statistics move once for each, because a batch that does not fit in memory has
    no statistics before its last part; parameters hence follow another trajectory.

    Args:
        model: the network.
        optimizer: its optimiser.
        objective: (logits, the model's `out`, labels, weights, step) -> (loss, metrics), means over
            the rows it is given; see `Objective`.
        augmentation: (keys, clips) -> the model's input; see `augment.augmentation`.
        seed: of the augmentation and of dropout.
        parallel: the devices.
        row_weights: how much each row counts, found before the gradients and without one.
        train: whether BatchNorm uses, and records, the statistics of the batch, and dropout acts.
        accumulation_steps: micro-batches a step is computed in; divides the clips of a device.
        mixing: of the augmented clips of a micro-batch, and of their labels; None: none.
        centre_loss: added to the objective, with the state's `centres`; None: none.
    """
    gradients = make_gradients(
        model, objective, augmentation, train=train, mixing=mixing, centre_loss=centre_loss
    )
    if accumulation_steps > 1:
        gradients = accumulating(gradients, accumulation_steps)

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, PyTree]:
        step_key = jax.random.fold_in(jax.random.key(seed), state.step)
        rows = parallel.clip_rows(batch["labels"].shape[0])
        keys = jax.vmap(jax.random.fold_in, in_axes=(None, 0))(step_key, rows)
        weights, weight_metrics = row_weights(state, keys, batch)
        labels = batch.get("targets", batch["labels"])
        found = gradients(state, state.batch_stats, keys, batch["clips"], labels, weights)
        grads = parallel.mean(found.grads)
        metrics = parallel.mean(found.metrics | weight_metrics)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        new_state = TrainState(
            step=state.step,
            params=optax.apply_updates(state.params, updates),
            batch_stats=found.batch_stats,
            opt_state=opt_state,
            centres=centre_loss.moved(state.centres, parallel.sum(found.centre_sums))
            if centre_loss
            else state.centres,
        )
        if "weight" in metrics:
            new_state = keep_state_without_weight(
                metrics["weight"], updated=new_state, unchanged=state
            )
        new_state = new_state.replace(step=state.step + 1)
        return new_state, metrics | {"grad_norm": optax.tree.norm(grads)}

    return parallel.compile_train(step)
