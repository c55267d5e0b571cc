"""The one place that knows jit from pmap.

A step is written once, for the clips of one device. On one device it is jitted; on several it is
pmapped with the state replicated (not stacked) and the batch cut along its first axis. With several
processes the axis spans the devices of all of them; each process puts its own rows of a batch on
its own devices and holds its own copy of the state.
"""

import dataclasses
from collections.abc import Callable, Sequence

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Int, PyTree

from dfer_jax.errors import UserError


@dataclasses.dataclass(frozen=True)
class Parallel:
    """How a step runs on these devices.

    Attributes:
        devices: of this process; those of all processes share each batch.
        processes: how many there are, each with as many devices.
    """

    devices: tuple[jax.Device, ...]
    processes: int = 1

    @property
    def axis_name(self) -> str | None:
        """Axis over which devices reduce; None on one device."""
        return "data" if self.num_devices > 1 else None

    @property
    def num_devices(self) -> int:
        """Devices of all processes."""
        return len(self.devices) * self.processes

    def check_batch_size(self, field: str, batch_size: int, *, accumulation_steps: int = 1) -> None:
        """Raises UserError unless the devices can share a batch of this size evenly.

        Args:
            field: name of the batch size in the config.
            batch_size: clips over all devices.
            accumulation_steps: micro-batches that each device cuts its share into.
        """
        n = self.num_devices * accumulation_steps
        if batch_size >= 1 and batch_size % n == 0:
            return
        sharers = f"{self.num_devices} device(s)"
        if self.processes > 1:
            sharers += f" of {self.processes} processes"
        if accumulation_steps > 1:
            sharers += f", each in train.accumulation_steps={accumulation_steps} micro-batches"
        raise UserError(
            f"{field}={batch_size} cannot be shared evenly by {sharers}; "
            f"choose a positive multiple of {n}"
        )

    def compile_train(self, step: Callable) -> Callable:
        """Compiles `step(state, batch) -> (state, metrics)`; the old state's memory is reused."""
        if self.axis_name is None:
            return jax.jit(step, donate_argnums=0)
        return jax.pmap(
            step,
            axis_name=self.axis_name,
            in_axes=(None, 0),
            out_axes=None,
            donate_argnums=0,
            devices=self._all_devices(),
        )

    def compile_eval(self, step: Callable) -> Callable:
        """Compiles `step(variables, batch) -> (sums, per_clip)`; the latter in clip order."""
        if self.axis_name is None:
            return jax.jit(step)
        mapped = jax.pmap(
            step,
            axis_name=self.axis_name,
            in_axes=(None, 0),
            out_axes=(None, 0),
            devices=self._all_devices(),
        )

        def run(variables: PyTree, batch: PyTree) -> tuple[PyTree, PyTree]:
            sums, per_clip = mapped(variables, batch)
            return sums, jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), per_clip)

        return run

    def put(self, batch: dict[str, np.ndarray]) -> dict[str, Array]:
        """Sends a batch, or this process's rows of it, to the devices of this process.

        From `[b, ...]` it becomes `[devices, b / devices, ...]`, unless one device is all there is.
        """
        if self.axis_name is None:
            return jax.device_put(batch, self.devices[0])
        n = len(self.devices)
        cut = {k: v.reshape(n, v.shape[0] // n, *v.shape[1:]) for k, v in batch.items()}
        return jax.device_put(cut, self._sharding(self.axis_name))

    def replicate(self, tree: PyTree) -> PyTree:
        """Places a state on every device of this process, as the compiled step returns it.

        Without this the second step would be compiled anew for its differently placed state.
        """
        on_all = self.devices[0] if self.axis_name is None else self._sharding()
        return jax.device_put(tree, on_all)

    def _all_devices(self) -> tuple[jax.Device, ...]:
        return self.devices if self.processes == 1 else tuple(jax.devices())

    def _sharding(self, *axes: str) -> NamedSharding:
        return NamedSharding(Mesh(np.array(self.devices), (self.axis_name,)), PartitionSpec(*axes))

    def mean(self, tree: PyTree) -> PyTree:
        """Mean over devices; inside a step only."""
        return tree if self.axis_name is None else jax.lax.pmean(tree, self.axis_name)

    def sum(self, tree: PyTree) -> PyTree:
        """Sum over devices; inside a step only."""
        return tree if self.axis_name is None else jax.lax.psum(tree, self.axis_name)

    def clip_rows(self, batch_size: int) -> Int[Array, " b"]:
        """Rows in the whole batch of this device's `batch_size` clips; inside a step only."""
        first = 0 if self.axis_name is None else jax.lax.axis_index(self.axis_name) * batch_size
        return first + jax.numpy.arange(batch_size)


def over(devices: Sequence[jax.Device]) -> Parallel:
    """Returns how to run on `devices` of this process, together with those of the others."""
    return Parallel(tuple(devices), jax.process_count())
