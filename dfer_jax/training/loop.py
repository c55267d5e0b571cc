"""The loop: data in, state forward, metrics and checkpoints out."""

import contextlib
import dataclasses
import functools
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import ml_collections
from tqdm import tqdm

from dfer_jax.data import pipeline
from dfer_jax.data.identity import Identity
from dfer_jax.errors import StoppedError, UserError, memory_suffices
from dfer_jax.runs import checkpoint
from dfer_jax.runs.metric_writer import MetricWriter
from dfer_jax.runs.train_state import TrainState
from dfer_jax.runs.workdir import kept
from dfer_jax.runtime import parallel, processes
from dfer_jax.runtime.stop_request import StopRequest
from dfer_jax.training.finite import FiniteWatch
from dfer_jax.training.task import MakeTask, Task


@dataclasses.dataclass
class Window:
    """What happened since the last log line; `earlier` is of steps before the run was stopped."""

    earlier: list[dict[str, float]] = dataclasses.field(default_factory=list)
    metrics: list[dict[str, jax.Array]] = dataclasses.field(default_factory=list)
    started: float = dataclasses.field(default_factory=time.perf_counter)
    waited: float = 0.0

    def summary(self, batch_size: int, *, unit: str) -> dict[str, float]:
        """Returns mean metrics, rows per second and the share of time spent waiting for data."""
        rows = self.rows()  # waits for the last step, which the time must include
        seconds = time.perf_counter() - self.started
        means = {f"train/{k}": sum(r[k] for r in rows) / len(rows) for k in rows[0]}
        speed = len(self.metrics) * batch_size / seconds
        return means | {f"train/{unit}_per_s": speed, "train/data_wait": self.waited / seconds}

    def rows(self) -> list[dict[str, float]]:
        """Returns the metrics of its steps, in their order."""
        rows = [{k: float(v) for k, v in row.items()} for row in jax.device_get(self.metrics)]
        if not rows or any(row.keys() != rows[0].keys() for row in self.earlier):
            return rows  # what an older version kept is of other metrics
        return [*self.earlier, *rows]

    def kept(self) -> dict[str, list[dict[str, float]]]:
        """Returns what checkpoints keep of it, for a mean to be that of an undisturbed run."""
        rows = self.rows()
        fit = all(math.isfinite(value) for row in rows for value in row.values())  # for JSON
        return {"window": rows} if rows and fit else {}


def _is_alone() -> bool:
    return jax.process_count() == 1


@contextlib.contextmanager
def _kept_if_it_fails(save: Callable[[], None]) -> Iterator[None]:
    """Keeps the steps of an epoch whose evaluation fails, for a reader is stuck, say."""
    if not _is_alone():  # one that fails takes the others with it, none of which could save
        save()
    try:
        yield
    except UserError:
        if _is_alone():
            save()
        raise


class Trainer:
    """One run, from its config to the last step; every piece is built once, here."""

    def __init__(
        self,
        make_task: MakeTask,
        config: ml_collections.ConfigDict,
        workdir: str,
        *,
        init_from: str = "",
    ) -> None:
        """Builds data, model, optimiser and compiled steps.

        Args:
            make_task: `clips.task.ClipTask` or `frames.task.FrameTask`.
            config: the experiment.
            workdir: where its checkpoints lie, or will.
            init_from: work directory whose last weights a fresh run starts from; "": random ones.

        Raises:
            UserError: if the config, the data or the devices do not fit together.
        """
        self.config, self.workdir = config, workdir
        self.init_from = init_from
        self.parallel = parallel.over(jax.local_devices())
        self.task: Task = make_task(config, self.parallel)
        self.steps_per_epoch = self.task.steps_per_epoch
        self.total_steps = self.steps_per_epoch * config.train.epochs
        self.like = jax.eval_shape(self.task.init)  # refuses what the model refuses, unwritten

    def run(self, *, with_evaluation: bool) -> None:
        """Trains from the latest checkpoint, or from scratch, to the last epoch.

        Raises:
            UserError: if the loss stops being finite.
            StoppedError: on Ctrl-C or SIGTERM, after saving.
        """
        with (
            kept(self.workdir) as check_kept,
            checkpoint.Checkpoints(self.workdir, best_metric=self.task.best_metric) as saved,
            StopRequest() as self._stop,
            Identity(self.config.data.dataset, self.config.data.data_dir) as self._identity,
        ):
            resumed = saved.restore_latest(
                self.like, metadata=self._metadata, contents=self._identity.read
            )
            self._window = Window(saved.resumed.get("window", []))
            first = self.parallel.replicate(resumed or self._fresh_state())
            start = int(first.step)
            unmeasured = with_evaluation and "unmeasured" in saved.resumed
            if start >= self.total_steps and not unmeasured:
                processes.say(f"already trained to step {start}")
                return
            stops = processes.StopTogether()

            def save(state: TrainState, scores: Mapping[str, float], **about: Any) -> None:
                writer.sync()
                check_kept()
                saved.save(state, metrics=scores, metadata=self._metadata | about)

            with self._writer(start, unmeasured) as writer, self._bar(start) as bar:
                if unmeasured:
                    save(first, self._evaluate(first, start, writer, bar))
                for step, state in self._steps(first, start, writer, bar):
                    saved.raise_if_failed()
                    scores = {}
                    if self._epoch_ends(step) and with_evaluation:
                        self._watch.check(state)
                        with _kept_if_it_fails(functools.partial(save, state, {}, unmeasured=True)):
                            scores = self._evaluate(state, step, writer, bar)
                    stopping = stops(self._stop.requested)
                    if step % self.steps_per_epoch == 0 or stopping:
                        self._watch.check(state)  # what is saved is fit to go on from
                        save(state, scores, **self._window.kept())
                    if stopping and step < self.total_steps:
                        raise self._stop.stopped(
                            f"stopped at step {step} of {self.total_steps} and saved"
                        )

    @property
    def _metadata(self) -> dict[str, Any]:
        return {**self.task.metadata, "sizes": dict(self.task.sizes), **self._identity.known}

    def _fresh_state(self) -> TrainState:
        # Runs once; unoptimised it compiles five times faster and draws the same numbers.
        state = jax.jit(self.task.init, compiler_options={"xla_backend_optimization_level": 0})()
        if not self.init_from:
            return state
        processes.say(f"starting from the weights in {self.init_from}")
        return self.task.start_from(state, self.init_from)

    def _steps(
        self, state: TrainState, start: int, writer: MetricWriter, bar: tqdm
    ) -> Iterator[tuple[int, TrainState]]:
        """Yields (steps done, state) after each step, logging on the way."""
        self._watch = FiniteWatch(self.task.clips_at)
        batches = pipeline.prefetch_to_device(
            self.task.batches(state, start, self.total_steps), self.parallel.put
        )
        for step in range(start + 1, self.total_steps + 1):
            window = self._window
            before = time.perf_counter()
            try:
                batch = next(batches)
            except StoppedError:  # what reads is stuck
                if start < step - 1 and (step - 1) % self.steps_per_epoch and _is_alone():
                    yield step - 1, state  # once more, to be saved
                raise
            if not window.metrics or window.metrics[-1]["loss"].is_ready():
                window.waited += time.perf_counter() - before  # the device was idle meanwhile
            elif window.metrics:
                window.metrics[-1]["loss"].block_until_ready()  # at most one step in flight
            self._watch.check(state)
            state, metrics = self.task.step_at(step - 1)(state, batch)
            self._watch.note(step, metrics)
            window.metrics.append(metrics)
            with self._stop.if_unread():
                bar.update()
            if step % self.config.train.log_every_steps == 0 or self._epoch_ends(step):
                self._log(step, window, writer, bar)
                self._window = Window()
            yield step, state
            if not self._window.metrics:
                self._window.started = time.perf_counter()  # evaluation and saving are not training

    def _log(self, step: int, window: Window, writer: MetricWriter, bar: tqdm) -> None:
        row = window.summary(self.config.train.batch_size, unit=self.task.unit)
        with jax.default_device(jax.local_devices(backend="cpu")[0]):  # never waits for the GPU
            row["train/lr"] = float(self.task.schedule(step - 1))
        writer.write(step, step / self.steps_per_epoch, row)
        unit, shown = self.task.unit, self.task.shown_metric
        text = (
            f"epoch {step / self.steps_per_epoch:.1f} loss {row['train/loss']:.4f} "
            f"{shown} {row[f'train/{shown}']:.3f} lr {row['train/lr']:.2e} "
            f"{row[f'train/{unit}_per_s']:.1f} {unit}/s wait {row['train/data_wait']:.0%}"
        )
        bar.set_postfix_str(text, refresh=False)

    def _evaluate(
        self, state: TrainState, step: int, writer: MetricWriter, bar: tqdm
    ) -> dict[str, float]:
        """Measures what the task evaluates; returns the scores that choose the best epoch."""
        with memory_suffices("lower eval.batch_size"):
            measured = self.task.measure(state)
        row = {f"{name}/{k}": v for name, scores in measured.items() for k, v in scores.items()}
        writer.write(step, step / self.steps_per_epoch, row)
        shown = "  ".join(f"{k} {v:.4f}" for k, v in row.items())
        if processes.is_first():
            with self._stop.if_unread():
                bar.write(f"epoch {step // self.steps_per_epoch:3d}: {shown}")
        return next(iter(measured.values()))

    def _epoch_ends(self, step: int) -> bool:
        """Whether an epoch that is evaluated ends with this step."""
        every = self.steps_per_epoch * self.config.train.eval_every_epochs
        return step % every == 0 or step == self.total_steps

    def _writer(self, start: int, unmeasured: bool) -> MetricWriter:
        return MetricWriter(
            self.workdir, start_step=start, unmeasured=unmeasured, enabled=processes.is_first()
        )

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
