"""Stops a run whose numbers are no longer finite, and says where that began."""

from collections.abc import Callable, Mapping, Sequence

import jax
import numpy as np
from jaxtyping import Array, PyTree

from dfer_jax.errors import UserError, list_some
from dfer_jax.runs.train_state import TrainState

_WATCHED = ("loss", "grad_norm")


class FiniteWatch:
    """Looks at the scalars of the step that the loop waits for anyway, before it goes on."""

    def __init__(self, clips_at: Callable[[int], Sequence[str]]) -> None:
        """Watches a run.

        Args:
            clips_at: gives the names of the clips of a step, counted from 0.
        """
        self._clips_at = clips_at
        self._seen: tuple[int, dict[str, Array]] | None = None

    def note(self, step: int, metrics: Mapping[str, Array]) -> None:
        """Takes the metrics of a step, counted from 1, that has been dispatched."""
        self._seen = step, {name: metrics[name] for name in _WATCHED if name in metrics}

    def check(self, state: TrainState) -> None:
        """Waits for the step noted last and looks at it; a step is looked at once.

        Args:
            state: after that step.

        Raises:
            UserError: if its loss or gradients are not finite, naming the step, the first arrays
                that are not, and the clips.
        """
        if self._seen is None:
            return
        (step, scalars), self._seen = self._seen, None
        found = jax.device_get(scalars)
        if all(np.isfinite(value) for value in found.values()):
            return
        clips = list_some(list(self._clips_at(step - 1)))
        raise UserError(
            f"the training loss is not finite at step {step} (first in {_where(state, found)}); "
            "lower optim.learning_rate or optim.weight_decay and start in a new --workdir, or see "
            "whether these clips of that step are damaged (the checkpoints, which are older, stay "
            f"as they are):\n{clips}"
        )


def _where(state: TrainState, scalars: Mapping[str, np.ndarray]) -> str:
    """Names what is not finite, in the order of a step: its forward pass, then its gradients."""
    if np.isfinite(scalars["loss"]):
        return _first("gradient of params", state.params) or "the norm of all gradients"
    return _first("batch_stats", state.batch_stats) or "the logits or the loss itself"


def _first(name: str, tree: PyTree) -> str:
    """The path of the first array that is not finite, and how many more are not; "" if all are."""
    bad = [
        jax.tree_util.keystr(path, simple=True, separator="/")
        for path, leaf in jax.tree.leaves_with_path(tree)
        if not np.isfinite(np.asarray(leaf.addressable_data(0))).all()
    ]
    more = f" and {len(bad) - 1} more arrays" if len(bad) > 1 else ""
    return f"{name}/{bad[0]}{more}" if bad else ""
