"""The loop: data in, state forward, metrics and checkpoints out."""

import dataclasses
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

import jax
import ml_collections
import optax
from tqdm import tqdm

from dfer_jax import checkpoint, evaluate, experiment, optim, parallel, processes
from dfer_jax.data import pipeline
from dfer_jax.errors import UserError
from dfer_jax.labels import CLASSES
from dfer_jax.metric_writer import MetricWriter
from dfer_jax.stop_request import StopRequest
from dfer_jax.train_state import TrainState
from dfer_jax.train_step import Augmentation, Objective, make_init, make_train_step


@dataclasses.dataclass
class Window:
    """What happened since the last log line."""

    metrics: list[dict[str, jax.Array]] = dataclasses.field(default_factory=list)
    started: float = dataclasses.field(default_factory=time.perf_counter)
    waited: float = 0.0

    def summary(self, batch_size: int) -> dict[str, float]:
        """Returns mean metrics, clips per second and the share of time spent waiting for data."""
        rows = jax.device_get(self.metrics)  # waits for the last step, which the time must include
        seconds = time.perf_counter() - self.started
        means = {f"train/{k}": sum(float(r[k]) for r in rows) / len(rows) for k in rows[0]}
        speed = len(rows) * batch_size / seconds
        return means | {"train/clips_per_s": speed, "train/data_wait": self.waited / seconds}


class Trainer:
    """One run, from its config to the last step; every piece is built once, here."""

    def __init__(
        self, config: ml_collections.ConfigDict, workdir: str, *, init_from: str = ""
    ) -> None:
        """Builds data, model, optimiser and compiled steps.

        Args:
            config: the experiment.
            workdir: where its checkpoints lie, or will.
            init_from: work directory whose last weights a fresh run starts from; "": random ones.

        Raises:
            UserError: if the config, the data or the devices do not fit together.
        """
        self.config, self.workdir = config, workdir
        self.init_from = init_from
        self.parallel = parallel.over(jax.local_devices())
        experiment.check(config, self.parallel)
        self.sources = experiment.open_sources(config)
        self.batch_size = config.train.batch_size
        self.steps_per_epoch = pipeline.steps_per_epoch(len(self.sources.train), self.batch_size)
        self.total_steps = self.steps_per_epoch * config.train.epochs
        self.schedule = _schedule(config, self.steps_per_epoch)
        self._build_steps()

    def _build_steps(self) -> None:
        config, size = self.config, self.config.model.image_size
        model = experiment.create_model(
            config.model.name,
            experiment.model_kwargs(config),
            dtype=config.model.dtype,
            parallel=self.parallel,
        )
        optimizer = optim.make_optimizer(
            self.schedule,
            momentum=config.optim.momentum,
            weight_decay=config.optim.weight_decay,
        )
        shape = (experiment.num_frames(config), size, size, 3)
        self.init = make_init(model, optimizer, seed=config.seed, clip_shape=shape)
        self.like = jax.eval_shape(self.init)  # refuses what the model refuses, before any writing
        self.train_step = make_train_step(
            model,
            optimizer,
            objective=_objective(config, self.steps_per_epoch),
            augmentation=Augmentation(image_size=size, **config.augment.to_dict()),
            seed=config.seed,
            parallel=self.parallel,
            accumulation_steps=config.train.accumulation_steps,
        )
        self.eval_step = evaluate.make_eval_step(model, image_size=size, parallel=self.parallel)

    @property
    def metadata(self) -> dict[str, Any]:
        """What a checkpoint of this run says of itself."""
        return checkpoint.make_metadata(
            model_name=self.config.model.name,
            model_kwargs=experiment.model_kwargs(self.config),
            classes=CLASSES,
            preprocess=experiment.preprocess(self.config),
            dataset=self.config.data.dataset,
            source="trained",
        ) | {"selection": self.sources.selection, "steps_per_epoch": self.steps_per_epoch}

    def run(self, *, with_evaluation: bool) -> None:
        """Trains from the latest checkpoint, or from scratch, to the last epoch.

        Raises:
            UserError: if the loss stops being finite, or on Ctrl-C or SIGTERM after saving.
        """
        with (
            checkpoint.Checkpoints(self.workdir, best_metric="war") as saved,
            StopRequest() as stop,
        ):
            first = self.parallel.replicate(saved.restore_latest(self.like) or self._fresh_state())
            start = int(first.step)
            if start >= self.total_steps:
                processes.say(f"already trained to step {start}")
                return
            stops = processes.StopTogether()
            with self._writer(start) as writer, self._bar(start) as bar:
                for step, state in self._steps(first, start, writer, bar):
                    scores = {}
                    if self._epoch_ends(step) and with_evaluation:
                        scores = self._evaluate(state, step, writer, bar)
                    stopping = stops(stop.requested)
                    if step % self.steps_per_epoch == 0 or stopping:
                        saved.save(state, metrics=scores, metadata=self.metadata)
                    if stopping and step < self.total_steps:
                        raise UserError(
                            f"stopped at step {step} of {self.total_steps} and saved; "
                            "run the same command again to go on"
                        )

    def _fresh_state(self) -> TrainState:
        # Runs once; unoptimised it compiles five times faster and draws the same numbers.
        state = jax.jit(self.init, compiler_options={"xla_backend_optimization_level": 0})()
        if not self.init_from:
            return state
        processes.say(f"starting from the weights in {self.init_from}")
        return checkpoint.with_weights(state, self.init_from)

    def _steps(
        self, state: TrainState, start: int, writer: MetricWriter, bar: tqdm
    ) -> Iterator[tuple[int, TrainState]]:
        """Yields (steps done, state) after each step, logging on the way."""
        batches = pipeline.prefetch_to_device(
            experiment.training_batches(
                self.config, self.sources.train, start_step=start, num_steps=self.total_steps
            ),
            self.parallel.put,
        )
        window = Window()
        for step in range(start + 1, self.total_steps + 1):
            before = time.perf_counter()
            batch = next(batches)
            if not window.metrics or window.metrics[-1]["loss"].is_ready():
                window.waited += time.perf_counter() - before  # the device was idle meanwhile
            elif window.metrics:
                window.metrics[-1]["loss"].block_until_ready()  # at most one step in flight
            state, metrics = self.train_step(state, batch)
            window.metrics.append(metrics)
            bar.update()
            if step % self.config.train.log_every_steps == 0 or self._epoch_ends(step):
                self._log(step, window, writer, bar)
                window = Window()
            yield step, state
            if not window.metrics:
                window.started = time.perf_counter()  # evaluation and saving are not training

    def _log(self, step: int, window: Window, writer: MetricWriter, bar: tqdm) -> None:
        row = window.summary(self.batch_size)
        with jax.default_device(jax.local_devices(backend="cpu")[0]):  # never waits for the GPU
            row["train/lr"] = float(self.schedule(step - 1))
        writer.write(step, step / self.steps_per_epoch, row)
        shown = (
            f"epoch {step / self.steps_per_epoch:.1f} loss {row['train/loss']:.4f} "
            f"WAR {row['train/war']:.3f} lr {row['train/lr']:.2e} "
            f"{row['train/clips_per_s']:.1f} clips/s wait {row['train/data_wait']:.0%}"
        )
        bar.set_postfix_str(shown, refresh=False)
        if not row["train/loss"] < float("inf"):
            raise UserError(
                f"the training loss is not finite around step {step}; lower optim.learning_rate "
                "or optim.weight_decay and start in a new --workdir"
            )

    def _evaluate(
        self, state: TrainState, step: int, writer: MetricWriter, bar: tqdm
    ) -> dict[str, float]:
        """Measures validation (if any) and test; returns the metrics that choose the best epoch."""
        row, chosen = {}, {}
        for name, source in self.sources.evaluated.items():
            batches = experiment.evaluation_batches(self.config, source)
            result = evaluate.evaluate(self.eval_step, state.variables, batches, self.parallel)
            scores = {"war": result.scores.war, "uar": result.scores.uar, "loss": result.loss}
            row |= {f"{name}/{k}": v for k, v in scores.items()}
            chosen = chosen or scores  # validation comes first where there is one
        writer.write(step, step / self.steps_per_epoch, row)
        shown = "  ".join(f"{k} {v:.4f}" for k, v in row.items())
        if processes.is_first():
            bar.write(f"epoch {step // self.steps_per_epoch:3d}: {shown}")
        return chosen

    def _epoch_ends(self, step: int) -> bool:
        """Whether an epoch that is evaluated ends with this step."""
        every = self.steps_per_epoch * self.config.train.eval_every_epochs
        return step % every == 0 or step == self.total_steps

    def _writer(self, start: int) -> MetricWriter:
        return MetricWriter(self.workdir, start_step=start, enabled=processes.is_first())

    def _bar(self, start: int) -> tqdm:
        often = 0.1 if sys.stderr.isatty() else 30  # seconds; a log file wants few lines
        return tqdm(
            total=self.total_steps,
            initial=start,
            unit="step",
            desc=self.config.name,
            mininterval=often,
            maxinterval=often,
            disable=not processes.is_first(),
        )


def _schedule(config: ml_collections.ConfigDict, steps_per_epoch: int) -> optax.Schedule:
    return optim.make_schedule(
        config.optim.schedule,
        learning_rate=config.optim.learning_rate,
        steps_per_epoch=steps_per_epoch,
        decay_rate=config.optim.decay_rate,
        decay_epochs=config.optim.decay_epochs,
        kwargs=config.optim.schedule_kwargs.to_dict(),
    )


def _objective(config: ml_collections.ConfigDict, steps_per_epoch: int) -> Objective:
    """The loss of the config, tried on shapes so that a wrong field is refused at once."""
    fields = config.loss.to_dict()
    fields["aux_weights"] = experiment.aux_weights(config)
    objective = Objective(**fields, steps_per_epoch=steps_per_epoch)
    logits = jax.ShapeDtypeStruct((1, len(CLASSES)), jax.numpy.float32)
    whole = jax.ShapeDtypeStruct((1,), jax.numpy.int32), jax.ShapeDtypeStruct((), jax.numpy.int32)
    jax.eval_shape(objective, logits, dict.fromkeys(objective.aux_weights, logits), *whole)
    return objective


def default_workdir(config: ml_collections.ConfigDict) -> str:
    """Returns `runs/<name>`, with the fold and seed where they are not the default."""
    fold = f"_fold{config.fold}" if config.data.num_folds else ""
    seed = f"_seed{config.seed}" if config.seed else ""
    return os.path.join("runs", f"{config.name}{fold}{seed}")
