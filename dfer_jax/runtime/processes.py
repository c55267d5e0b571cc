"""Several processes that train one model: who they are, and what they tell each other.

Every process runs the same program on its own devices and reads its own rows of each batch. Work
directories lie on storage that all of them share; the first process alone prints and writes, but
for checkpoints, in which all take part. With one process nothing here starts or waits.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jaxtyping import Shaped

from dfer_jax.errors import UserError

# How many processes a launcher has started: SLURM in this step (in sbatch without srun it is one),
# and Open MPI. JAX finds the coordinator of both by itself.
_LAUNCHERS = ("SLURM_STEP_NUM_TASKS", "OMPI_COMM_WORLD_SIZE")

_MISSED_AFTER = 50  # seconds; a process that is killed takes the others with it then


def start(
    *,
    coordinator_address: str | None = None,
    num_processes: int | None = None,
    process_id: int | None = None,
) -> None:
    """Joins the processes of this run; does nothing where there is only one.

    Call it before anything else of JAX. Without arguments the processes are those that `srun` or
    `mpirun` started.

    Args:
        coordinator_address: `host:port` of process 0, reachable from all.
        num_processes: of the run.
        process_id: of this one, 0 <= process_id < num_processes.

    Raises:
        UserError: if only some arguments are given, they are out of range, or the others do not
            answer.
    """
    given = (coordinator_address, num_processes, process_id)
    if given == (None, None, None):
        if all(int(os.environ.get(name, 1)) < 2 for name in _LAUNCHERS):
            return
    elif None in given:
        raise UserError(
            "several processes need --coordinator_address, --num_processes and --process_id, all "
            "three; under srun or mpirun leave all three out"
        )
    elif not 0 <= process_id < num_processes:
        raise UserError(f"--process_id={process_id} must be in 0..{num_processes - 1}")
    elif num_processes == 1:
        return
    # JAX's own handler of SIGTERM would only take a note; `StopTogether` stops the run.
    jax.config.update("jax_enable_preemption_service", False)
    try:
        jax.distributed.initialize(*given, heartbeat_timeout_seconds=_MISSED_AFTER)
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"the processes did not find each other ({str(error).strip().splitlines()[0]}); check "
            "that all were started and that process 0 can be reached at the coordinator's address"
        ) from error


def is_first() -> bool:
    """Returns whether this process prints and writes."""
    return jax.process_index() == 0


def say(text: str) -> None:
    """Prints a line, once for all processes."""
    if is_first():
        print(text)


def own_rows(batch_size: int) -> range:
    """Returns the rows of every batch of `batch_size` clips, over all, that this process reads."""
    share = batch_size // jax.process_count()
    return range(jax.process_index() * share, (jax.process_index() + 1) * share)


@contextlib.contextmanager
def together() -> Iterator[None]:
    """Runs a block on every process; none goes on before all are through.

    Raises:
        UserError: that of the block, or that another process was refused.
    """
    error = None
    try:
        yield
    except UserError as refused:
        error = refused
    failed = [index for index, bad in enumerate(gather(error is not None)) if bad]
    if error:
        raise error
    if failed:
        raise UserError(f"process {failed[0]} could not start; its own message says why")


def gather(value: Any) -> list[Any]:
    """Returns the JSON-ready values that all processes gave, by process; all must call it."""
    if jax.process_count() == 1:
        return [value]
    text = np.frombuffer(json.dumps(value).encode(), np.uint8)
    sizes = multihost_utils.process_allgather(np.array(len(text), np.int32))
    padded = np.zeros(int(sizes.max()), np.uint8)
    padded[: len(text)] = text
    texts = multihost_utils.process_allgather(padded)
    return [json.loads(bytes(t[:n])) for t, n in zip(texts, sizes.tolist(), strict=True)]


def gather_rows(batches: Shaped[np.ndarray, "m own ..."]) -> Shaped[np.ndarray, "m b ..."]:
    """Returns whole batches from each process's own rows of them; all must call it.

    Args:
        batches: m batches, the same number on every process, rows in the order of `own_rows`.
    """
    if jax.process_count() == 1:
        return batches
    by_process = np.asarray(multihost_utils.process_allgather(batches))  # [p, m, own, ...]
    m, own, *rest = batches.shape
    return np.moveaxis(by_process, 0, 1).reshape(m, len(by_process) * own, *rest)


class StopTogether:
    """Lets all processes stop after the same step, whichever of them was asked to."""

    def __init__(self) -> None:
        self._pending: jax.Array | None = None
        self._count = jax.pmap(lambda asked: jax.lax.psum(asked, "all"), "all", out_axes=None)

    def __call__(self, requested: bool) -> bool:
        """Returns whether to stop now; call it after every step, on all processes.

        With one process that is `requested`. With several it is what they said one call ago: that
        sum is ready when the device has done the step before, so that nobody waits for it.
        """
        if jax.process_count() == 1:
            return requested
        before = self._pending
        self._pending = self._count(np.full(jax.local_device_count(), requested, np.int32))
        return before is not None and int(before) > 0
