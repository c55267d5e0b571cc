"""What training carries from step to step."""

import flax.struct
import jax
from jaxtyping import Array, Int, PyTree


@flax.struct.dataclass
class TrainState:
    """The whole state of a run; with the seed it determines everything that follows.

    Attributes:
        step: optimisation steps done, int32 scalar.
        params: trainable parameters, float32.
        batch_stats: running statistics of BatchNorm, float32.
        opt_state: state of the Optax optimiser.
        centres: of the centre loss, float32 [k, d]; {} without one.
    """

    step: Int[Array, ""] | jax.ShapeDtypeStruct
    params: PyTree
    batch_stats: PyTree
    opt_state: PyTree
    centres: PyTree = flax.struct.field(default_factory=dict)

    @property
    def variables(self) -> dict[str, PyTree]:
        """What `model.apply` takes."""
        return {"params": self.params, "batch_stats": self.batch_stats}

    @property
    def trees(self) -> dict[str, PyTree]:
        """What a checkpoint holds, by name of the tree."""
        beside = {"centres": self.centres} if jax.tree.leaves(self.centres) else {}
        return {"weights": self.variables, "optimizer": {"state": self.opt_state, **beside}}
