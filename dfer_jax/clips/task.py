"""Clips with one label each: what the training loop runs, and how an epoch is judged."""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import ml_collections
from flax import linen as nn

from dfer_jax.clips import experiment, targets
from dfer_jax.clips.evaluation import evaluate, make_eval_step
from dfer_jax.clips.sources import (
    clips_at,
    evaluation_batches,
    open_sources,
    places_at,
    training_batches,
)
from dfer_jax.data import pipeline
from dfer_jax.data.crops import crop_of
from dfer_jax.runs import checkpoint, initial_weights
from dfer_jax.runs.train_state import TrainState
from dfer_jax.runtime.parallel import Parallel
from dfer_jax.training import network, optim
from dfer_jax.training.augment.augmentation import Augmentation
from dfer_jax.training.random_views import make_row_weights_by_views
from dfer_jax.training.step import (
    Objective,
    RowWeights,
    equal_weights,
    make_init,
    make_train_step,
)


class ClipTask:
    """One experiment on clips, from its config to compiled steps.

    Attributes:
        unit: what a row of a batch is, for messages.
        best_metric: of `measure`, chooses the best epoch.
        shown_metric: of the train step, on the progress bar.
        steps_per_epoch: optimisation steps.
        schedule: learning rate by step.
        init: makes the first state.
    """

    unit = "clips"
    best_metric = "war"
    shown_metric = "war"

    def __init__(self, config: ml_collections.ConfigDict, devices: Parallel) -> None:
        """Opens the data and builds the model, the optimiser and the steps.

        Raises:
            UserError: if the config, the data or the devices do not fit together.
        """
        experiment.check(config, devices)
        targets.check(config, devices)
        self._config, self._devices = config, devices
        self.sources = open_sources(config)
        self._soft_labels = targets.soft_labels(config, self.sources.train)
        self._crop = crop_of(config.data.dataset, config.data.data_dir)
        self.steps_per_epoch = pipeline.steps_per_epoch(
            len(self.sources.train), config.train.batch_size
        )
        self.schedule = optim.schedule(config, self.steps_per_epoch)
        self._build_steps()

    def _build_steps(self) -> None:
        config, size = self._config, self._config.model.image_size
        model = network.create_model(
            config.model.name,
            self._model_kwargs,
            dtype=config.model.dtype,
            parallel=self._devices,
        )
        optimizer = optim.make_optimizer(
            self.schedule,
            momentum=config.optim.momentum,
            weight_decay=config.optim.weight_decay,
            name=config.optim.name,
            factors=config.optim.factors.to_dict(),
            frozen=getattr(model, "frozen", ()),
            decay_kernels_only=config.optim.decay_kernels_only,
            layer_decay=config.optim.layer_decay,
        )
        self._clip_shape = (experiment.num_frames(config), size, size, 3)
        centres = {"centre_loss": targets.centre_loss(config)}
        shape = self._clip_shape
        self.init = make_init(model, optimizer, seed=config.seed, clip_shape=shape, **centres)
        self._train_step = make_train_step(
            model,
            optimizer,
            objective=_objective(config, self.steps_per_epoch, self.sources.train.classes),
            augmentation=Augmentation(image_size=size, **config.augment.to_dict()),
            seed=config.seed,
            parallel=self._devices,
            row_weights=_row_weights(config, model, self.steps_per_epoch),
            accumulation_steps=config.train.accumulation_steps,
            mixing=targets.mixing(config, num_classes=len(self.sources.train.classes)),
            **centres,
        )
        self._eval_step = make_eval_step(
            model,
            image_size=size,
            parallel=self._devices,
            view_average=config.data.view_average,
        )

    @property
    def _model_kwargs(self) -> dict[str, Any]:
        num_classes = len(self.sources.train.classes)
        return experiment.model_kwargs(self._config, num_classes=num_classes)

    @property
    def sizes(self) -> dict[str, int]:
        """Clips by what they are for."""
        sources = {"train": self.sources.train, **self.sources.evaluated}
        return {name: len(source) for name, source in sources.items()}

    @property
    def metadata(self) -> dict[str, Any]:
        """What a checkpoint of this run says of itself."""
        return checkpoint.make_metadata(
            model_name=self._config.model.name,
            model_kwargs=self._model_kwargs,
            classes=self.sources.train.classes,
            preprocess=experiment.preprocess(self._config)
            | ({"crop": self._crop} if self._crop else {}),
            dataset=self._config.data.dataset,
            source="trained",
        ) | {"selection": self.sources.selection, "steps_per_epoch": self.steps_per_epoch}

    def start_from(self, state: TrainState, workdir: str) -> TrainState:
        """Returns the state with the last weights of another run of the same model.

        Where that one tells other classes apart, its backbone alone is taken; where it is of the
        network that this one is built around, it becomes that.
        """
        name = self._config.model.name
        return initial_weights.with_weights(
            state,
            workdir,
            classes=self.sources.train.classes,
            crop=self._crop,
            of_head=lambda: network.head_leaves(
                name, self._model_kwargs, clip_shape=self._clip_shape
            ),
            places_of=functools.partial(network.places_of_backbone, name),
        )

    def step_at(self, step: int) -> Callable:
        """Returns the compiled function of (state, batch) that takes this step."""
        del step  # the same throughout
        return self._train_step

    def batches(
        self, state: TrainState, start_step: int, num_steps: int
    ) -> Iterator[pipeline.Batch]:
        """Returns this process's rows of the batches of `start_step` to `num_steps` - 1."""
        del state  # clips are the same whatever the weights are
        config, source = self._config, self.sources.train
        batches = training_batches(config, source, start_step=start_step, num_steps=num_steps)
        if self._soft_labels is None:
            return batches
        places = functools.partial(places_at, config, source)
        return targets.with_targets(
            batches, self._soft_labels, places_at=places, start_step=start_step
        )

    def clips_at(self, step: int) -> list[str]:
        """Returns the ids of the clips in this process's rows of a step's batch."""
        return clips_at(self._config, self.sources.train, step)

    def measure(self, state: TrainState) -> dict[str, dict[str, float]]:
        """Returns scores by split; those of the first one choose the best epoch."""
        found = {}
        for name, source in self.sources.evaluated.items():
            batches = evaluation_batches(self._config, source)
            result = evaluate(
                self._eval_step, state.variables, batches, self._devices, classes=source.classes
            )
            scores = result.scores
            found[name] = {"war": scores.war, "uar": scores.uar, "loss": result.loss}
        return found


def _objective(
    config: ml_collections.ConfigDict, steps_per_epoch: int, classes: Sequence[str]
) -> Objective:
    """The loss of the config, tried on shapes so that a wrong field is refused at once."""
    fields = {k: v for k, v in config.loss.items() if not k.startswith("centre_")}
    fields["groups"] = targets.groups(config, classes)
    fields["aux_weights"] = experiment.aux_weights(config)
    fields["instance_weights"] = experiment.instance_weights(config)
    reweight = None if experiment.num_views(config) else experiment.reweighting(config)
    objective = Objective(**fields, steps_per_epoch=steps_per_epoch, reweight=reweight)
    logits = jax.ShapeDtypeStruct((1, len(classes)), jax.numpy.float32)
    instances = jax.ShapeDtypeStruct((1, config.robust.views, len(classes)), jax.numpy.float32)
    out = {
        "aux_logits": dict.fromkeys(objective.aux_weights, logits),
        "instance_logits": dict.fromkeys(objective.instance_weights, instances),
        "features": logits,  # as far as the loss is concerned, of any width
    }
    label, step = (jax.ShapeDtypeStruct(shape, jax.numpy.int32) for shape in ((1,), ()))
    weight = jax.ShapeDtypeStruct((1,), jax.numpy.float32)
    jax.eval_shape(objective, logits, out, label, weight, step)
    return objective


def _row_weights(
    config: ml_collections.ConfigDict, model: nn.Module, steps_per_epoch: int
) -> RowWeights:
    """How much each clip counts, as far as the clip's loss does not decide that."""
    if not experiment.num_views(config):
        return equal_weights
    return make_row_weights_by_views(
        model,
        experiment.reweighting(config),
        image_size=config.model.image_size,
        steps_per_epoch=steps_per_epoch,
    )
