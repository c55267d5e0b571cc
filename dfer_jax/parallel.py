"""The one place that knows jit from pmap.

A step is written once, for the clips of one device. On one device it is jitted; on several it is
pmapped with the state replicated (not stacked) and the batch cut along its first axis.
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
        devices: the devices that share each batch.
    """

    devices: tuple[jax.Device, ...]

    @property
    def axis_name(self) -> str | None:
        """Axis over which devices reduce; None on one device."""
        return "data" if len(self.devices) > 1 else None

    def check_batch_size(self, field: str, batch_size: int) -> None:
        """Raises UserError unless the devices can share a batch of this size evenly."""
        n = len(self.devices)
        if batch_size < 1 or batch_size % n:
            raise UserError(
                f"{field}={batch_size} cannot be shared evenly by {n} device(s); "
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
            devices=self.devices,
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
            devices=self.devices,
        )

        def run(variables: PyTree, batch: PyTree) -> tuple[PyTree, PyTree]:
            sums, per_clip = mapped(variables, batch)
            return sums, jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), per_clip)

        return run

    def put(self, batch: dict[str, np.ndarray]) -> dict[str, Array]:
        """Sends a batch `[b, ...]` to the devices; to several as `[devices, b / devices, ...]`."""
        if self.axis_name is None:
            return jax.device_put(batch, self.devices[0])
        n = len(self.devices)
        cut = {k: v.reshape(n, v.shape[0] // n, *v.shape[1:]) for k, v in batch.items()}
        return jax.device_put(cut, self._sharding(self.axis_name))

    def replicate(self, tree: PyTree) -> PyTree:
        """Places a state on every device, as the compiled step returns it.

        Without this the second step would be compiled anew for its differently placed state.
        """
        on_all = self.devices[0] if self.axis_name is None else self._sharding()
        return jax.device_put(tree, on_all)

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
    """Returns how to run on `devices`."""
    return Parallel(tuple(devices))
