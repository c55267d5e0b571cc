"""What the loop asks of an experiment, whatever is learned: the door hands it a task."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import ml_collections
import optax

from dfer_jax.data import pipeline
from dfer_jax.runs.train_state import TrainState
from dfer_jax.runtime.parallel import Parallel


class Task(Protocol):
    """One experiment, from its config to compiled steps.

    Attributes:
        unit: what a row of a batch is, for messages.
        best_metric: of `measure`, chooses the best epoch.
        shown_metric: of the train step, on the progress bar.
        steps_per_epoch: optimisation steps.
        schedule: learning rate by step.
        init: makes the first state.
    """

    unit: str
    best_metric: str
    shown_metric: str
    steps_per_epoch: int
    schedule: optax.Schedule
    init: Callable[[], TrainState]

    @property
    def sizes(self) -> Mapping[str, int]:
        """Rows by what they are for."""

    @property
    def metadata(self) -> dict[str, Any]:
        """What a checkpoint of this run says of itself."""

    def start_from(self, state: TrainState, workdir: str) -> TrainState:
        """Returns the state with the last weights of another run."""

    def step_at(self, step: int) -> Callable:
        """Returns the compiled function of (state, batch) that takes this step."""

    def batches(
        self, state: TrainState, start_step: int, num_steps: int
    ) -> Iterator[pipeline.Batch]:
        """Returns this process's rows of the batches of `start_step` to `num_steps` - 1."""

    def clips_at(self, step: int) -> list[str]:
        """Returns the ids of the clips, or videos, in this process's rows of a step's batch."""

    def measure(self, state: TrainState) -> dict[str, dict[str, float]]:
        """Returns scores by split; those of the first one choose the best epoch."""


MakeTask = Callable[[ml_collections.ConfigDict, Parallel], Task]
"""Opens the data and builds model, optimiser and steps of a config, for these devices."""
