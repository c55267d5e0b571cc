"""Optimisers and learning-rate schedules, all from Optax."""

from collections.abc import Mapping, Sequence

import ml_collections
import optax

from dfer_jax.errors import UserError
from dfer_jax.training import optim
from dfer_jax.training.layer_decay import kernels_alone, scale_by_depth


def make_schedule(
    name: str,
    *,
    learning_rate: float,
    steps_per_epoch: int,
    decay_rate: float,
    decay_epochs: float,
    milestones: Sequence[int | float] = (),
    warmup_epochs: int | float = 0,
    total_epochs: int | float = 0,
    final_learning_rate: float = 0.0,
    kwargs: Mapping[str, object] | None = None,
) -> optax.Schedule:
    """Returns the learning rate as a function of the step.

    Args:
        name: `staircase` (the released GCA+IAL code: times `decay_rate` every `decay_epochs`
            epochs), `exponential` (the paper's "decreased at an exponential rate": the same decay,
            smooth), `multi_step` (ABAW 2021: times `decay_rate` at each of the `milestones`),
            `warmup_cosine` (RDFER: from 0 to `learning_rate` over `warmup_epochs`, then half a
            cosine down to `final_learning_rate`), or the name of any schedule in `optax.schedules`.
        learning_rate: base learning rate of the first four.
        steps_per_epoch: optimisation steps in one epoch.
        decay_rate: factor per `decay_epochs` or milestone, 0.5 in the released GCA+IAL code.
        decay_epochs: epochs per decay, 7 in the released GCA+IAL code.
        milestones: epochs after which `multi_step` decays.
        warmup_epochs: of `warmup_cosine`.
        total_epochs: of `warmup_cosine`, the warm-up included.
        final_learning_rate: of `warmup_cosine`, at the end.
        kwargs: arguments of the Optax schedule; used only for a name from `optax.schedules`. Its
            counts are in steps.

    Raises:
        UserError: if the schedule is unknown, does not take these arguments, or warms up for as
            long as it lasts.
    """
    if name in ("staircase", "exponential"):
        return optax.exponential_decay(
            learning_rate,
            transition_steps=max(1, round(decay_epochs * steps_per_epoch)),
            decay_rate=decay_rate,
            staircase=name == "staircase",
        )
    if name == "multi_step":
        rates = [learning_rate * decay_rate**passed for passed in range(len(milestones) + 1)]
        boundaries = [round(epoch * steps_per_epoch) for epoch in milestones]
        return optax.join_schedules([optax.constant_schedule(r) for r in rates], boundaries)
    if name == "warmup_cosine":
        if not 0 <= warmup_epochs < total_epochs:
            raise UserError(
                f"optim.warmup_epochs={warmup_epochs} must be at least 0 and below "
                f"train.epochs={total_epochs}"
            )
        return optax.warmup_cosine_decay_schedule(
            0.0,
            learning_rate,
            warmup_steps=round(warmup_epochs * steps_per_epoch),
            decay_steps=round(total_epochs * steps_per_epoch),
            end_value=final_learning_rate,
        )
    known = [n for n in dir(optax.schedules) if n[0] != "_" and n.endswith(("_schedule", "_decay"))]
    if name not in known:
        raise UserError(
            f"optim.schedule {name!r} is unknown; use staircase, exponential, multi_step, "
            f"warmup_cosine or one of Optax's: {', '.join(known)}"
        )
    try:
        return getattr(optax.schedules, name)(**(kwargs or {}))
    except TypeError as error:
        raise UserError(f"optim.schedule_kwargs do not fit optax.{name}: {error}") from error


def make_optimizer(
    schedule: optax.Schedule,
    *,
    momentum: float,
    weight_decay: float,
    frozen: Sequence[str] = (),
    name: str = "sgd",
    factors: Mapping[str, float] | None = None,
    decay_kernels_only: bool = False,
    layer_decay: float = 1.0,
) -> optax.GradientTransformation:
    """Returns SGD with momentum and coupled weight decay (PyTorch's `SGD`), or AdamW.

    The decay of SGD is added to the gradient of every parameter, BatchNorm, biases and positions
    included, before momentum, as the released codes of GCA+IAL and ABAW 2021 do. AdamW has
    PyTorch's constants (0.9, 0.999, 1e-8); its decay, on every parameter too unless it is said
    otherwise, is decoupled.

    Args:
        schedule: learning rate by step.
        momentum: of SGD's gradients, decay included.
        weight_decay: factor on the parameters.
        frozen: top-level names in the parameter tree that stay as they are, without decay.
        name: `sgd` or `adamw`.
        factors: on the learning rate, by top-level name in the parameter tree; 1 for others.
        decay_kernels_only: whether decay leaves biases, norms, positions and tokens alone.
        layer_decay: of `layer_decay.scale_by_depth`; 1: every layer has the same rate.

    Raises:
        UserError: if there is no such optimiser, or `layer_decay` is out of bounds.
    """
    mask = kernels_alone if decay_kernels_only else None
    if name == "sgd":
        sgd = optax.sgd(schedule, momentum=momentum)
        trained = optax.chain(optax.add_decayed_weights(weight_decay, mask), sgd)
    elif name == "adamw":
        trained = optax.adamw(schedule, weight_decay=weight_decay, mask=mask)
    else:
        raise UserError(f"optim.name={name!r} is unknown; choose sgd or adamw")
    if factors:
        scales = {"1": optax.identity()} | {name: optax.scale(f) for name, f in factors.items()}
        by_part = optax.partition(
            scales, lambda params: {name: name if name in scales else "1" for name in params}
        )
        trained = optax.chain(trained, by_part)
    if layer_decay != 1:
        trained = optax.chain(trained, scale_by_depth(layer_decay))
    if not frozen:
        return trained
    return optax.partition(
        {"trained": trained, "frozen": optax.set_to_zero()},
        lambda params: {name: "frozen" if name in frozen else "trained" for name in params},
    )


def schedule(config: ml_collections.ConfigDict, steps_per_epoch: int) -> optax.Schedule:
    """Returns the learning rate by step; see `optim.make_schedule`."""
    return optim.make_schedule(
        config.optim.schedule,
        learning_rate=config.optim.learning_rate,
        steps_per_epoch=steps_per_epoch,
        decay_rate=config.optim.decay_rate,
        decay_epochs=config.optim.decay_epochs,
        milestones=config.optim.milestones,
        warmup_epochs=config.optim.warmup_epochs,
        total_epochs=config.train.epochs,
        final_learning_rate=config.optim.final_learning_rate,
        kwargs=config.optim.schedule_kwargs.to_dict(),
    )
