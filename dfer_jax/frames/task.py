"""Videos labelled frame by frame: what the training loop runs, and how an epoch is judged."""

from collections.abc import Callable, Iterator
from typing import Any

import jax.numpy as jnp
import ml_collections
import numpy as np

from dfer_jax.data import pipeline
from dfer_jax.data.batch_order import examples_at
from dfer_jax.data.crops import crop_of
from dfer_jax.errors import UserError, list_some
from dfer_jax.frames import experiment as frames_experiment
from dfer_jax.frames.batches import (
    LabelledWindows,
    PictureReader,
    Reader,
    labelled_windows,
    training_batches,
)
from dfer_jax.frames.losses import inverse_frequency, negatives_per_positive
from dfer_jax.frames.objective import FrameAugmentation, FrameObjective, make_row_weights_of_frames
from dfer_jax.frames.scorer import BACKBONE_FIELDS, Scorer
from dfer_jax.models.resnet50 import FrameModel, with_backbone
from dfer_jax.runs import checkpoint, checkpoint_metadata
from dfer_jax.runs.train_state import TrainState
from dfer_jax.runs.workdir import differing_fields
from dfer_jax.runtime import processes
from dfer_jax.runtime.parallel import Parallel
from dfer_jax.training import optim
from dfer_jax.training.augment.augmentation import Augmentation
from dfer_jax.training.step import make_init, make_train_step


class FrameTask:
    """One experiment on labelled frames, from its config to compiled steps.

    Attributes: see `training.task.Task`, which names them.
    """

    unit = "windows"
    best_metric = "score"
    shown_metric = "accuracy"

    def __init__(self, config: ml_collections.ConfigDict, devices: Parallel) -> None:
        """Opens the data and builds the model, the optimiser and the steps.

        Raises:
            UserError: if the config, the data or the devices do not fit together.
        """
        frames_experiment.check(config, devices)
        self._config, self._devices = config, devices
        self.parts = frames_experiment.open_parts(config)
        self._crop = crop_of(config.data.dataset, config.data.data_dir)
        self._windows = _training_windows(config, self.parts)
        self.steps_per_epoch = pipeline.steps_per_epoch(len(self._windows), config.train.batch_size)
        self.schedule = optim.schedule(config, self.steps_per_epoch)
        self._build_steps()

    def _build_steps(self) -> None:
        config, size = self._config, self._config.model.image_size
        model: FrameModel = frames_experiment.create_model(config, self._devices)
        optimizer = optim.make_optimizer(
            self.schedule,
            momentum=config.optim.momentum,
            weight_decay=config.optim.weight_decay,
            name=config.optim.name,
            frozen=model.frozen,
        )
        self.init = make_init(model, optimizer, seed=config.seed, clip_shape=(1, size, size, 3))
        steps = {
            "objective": FrameObjective(config.data.labels, _class_weights(config, self._windows)),
            "augmentation": _augmentation(config),
            "seed": config.seed,
            "parallel": self._devices,
            "row_weights": make_row_weights_of_frames(self._devices),
            "accumulation_steps": config.train.accumulation_steps,
        }
        self._train_step = make_train_step(model, optimizer, **steps)
        self._frozen_norm_step = make_train_step(model, optimizer, **steps, train=False)
        self._scorer = Scorer(config, model, self._devices)

    @property
    def sizes(self) -> dict[str, int]:
        """Windows trained on, and frames by what else they are for."""
        evaluated = {name: len(part.rows) for name, part in self.parts.evaluated.items()}
        return {"train": len(self._windows), **evaluated}

    @property
    def metadata(self) -> dict[str, Any]:
        """What a checkpoint of this run says of itself."""
        return checkpoint.make_metadata(
            model_name=self._config.model.name,
            model_kwargs=frames_experiment.model_kwargs(self._config),
            classes=frames_experiment.class_names(self._config),
            preprocess=frames_experiment.preprocess(self._config)
            | ({"crop": self._crop} if self._crop else {}),
            dataset=self._config.data.dataset,
            source="trained",
        ) | {"selection": self.parts.selection, "steps_per_epoch": self.steps_per_epoch}

    def start_from(self, state: TrainState, workdir: str) -> TrainState:
        """Returns the state with the backbone of another run's last weights.

        Raises:
            UserError: if there is no checkpoint, or its backbone is not this model's.
        """
        weights, metadata = checkpoint.load_last_weights(workdir)
        checkpoint_metadata.warn_of_other_crops(metadata, self._crop, dataset="this run")
        theirs = metadata["model"]["kwargs"]
        ours = frames_experiment.model_kwargs(self._config)
        if fields := differing_fields(
            {name: theirs.get(name) for name in BACKBONE_FIELDS},
            {name: ours[name] for name in BACKBONE_FIELDS},
        ):
            raise UserError(
                f"the backbone in {workdir} ({metadata['model']['name']}) is another than this "
                f"model's; set these fields of model as there:\n{list_some(fields)}"
            )
        variables = with_backbone(state.variables, weights)
        return state.replace(params=variables["params"], batch_stats=variables["batch_stats"])

    def step_at(self, step: int) -> Callable:
        """Returns the compiled function of (state, batch) that takes this step."""
        epochs = self._config.train.freeze_batch_norm_after
        if epochs and step >= epochs * self.steps_per_epoch:
            return self._frozen_norm_step
        return self._train_step

    def batches(
        self, state: TrainState, start_step: int, num_steps: int
    ) -> Iterator[pipeline.Batch]:
        """Returns this process's rows of the batches of `start_step` to `num_steps` - 1.

        With `data.features` they hold what the backbone in `state` makes of the frames.
        """
        config = self._config
        return training_batches(
            self._windows,
            self._reader(state),
            batch_size=config.train.batch_size,
            rows=processes.own_rows(config.train.batch_size),
            seed=config.seed,
            start_step=start_step,
            num_steps=num_steps,
            num_workers=config.data.num_workers,
        )

    def clips_at(self, step: int) -> list[str]:
        """Returns the ids of the videos of the windows in this process's rows of a step's batch."""
        places = examples_at(
            step,
            num_examples=len(self._windows),
            batch_size=self._config.train.batch_size,
            rows=processes.own_rows(self._config.train.batch_size),
            seed=self._config.seed,
        )
        index = self.parts.train.frames.index
        first_frames = self._windows.rows[places, 0]
        videos = np.searchsorted(index.starts, first_frames, side="right") - 1
        return index.clip_ids[videos].tolist()

    def _reader(self, state: TrainState) -> Reader:
        frames = self.parts.train.frames
        if self._config.data.features:
            return self._scorer.features(frames, state.variables)
        return PictureReader(frames, self._config.data.decode_size)

    def measure(self, state: TrainState) -> dict[str, dict[str, float]]:
        """Returns scores by split; those of the first one choose the best epoch."""
        found = {}
        for name, part in self.parts.evaluated.items():
            result = self._scorer.evaluate(part, state.variables)
            scores = result.scores()
            found[name] = {
                "score": scores.score(self._config.eval.edition),
                "macro_f1": scores.macro_f1,
                "accuracy": scores.accuracy,
                "loss": result.loss,
            }
        return found


def _training_windows(
    config: ml_collections.ConfigDict, parts: frames_experiment.Parts
) -> LabelledWindows:
    data, index = config.data, parts.train.frames.index
    labels, known = index.labels(data.labels, with_other=data.other)
    return labelled_windows(
        index,
        parts.train.videos.tolist(),
        labels,
        known,
        length=data.window,
        stride=data.stride,
        max_gap=data.max_gap,
    )


def _class_weights(
    config: ml_collections.ConfigDict, windows: LabelledWindows
) -> jnp.ndarray | None:
    """Weights that make classes count alike, from the labels of the training windows."""
    if not config.loss.balanced:
        return None
    labels = windows.labels[windows.mask]
    if config.data.labels == "action_units":
        return jnp.asarray(negatives_per_positive(labels.sum(axis=0), len(labels)))
    classes = len(frames_experiment.class_names(config))
    return jnp.asarray(inverse_frequency(np.bincount(labels, minlength=classes)))


def _augmentation(config: ml_collections.ConfigDict) -> FrameAugmentation:
    fields, size = config.augment.to_dict(), config.model.image_size
    enabled, per_frame = fields.pop("enabled"), fields.pop("per_frame")
    augmentation = Augmentation(image_size=size, **fields) if enabled else None
    return FrameAugmentation(size, augmentation, per_frame)
