"""Small-loss selection: learns from the clips of a batch with the smallest losses.

B. Han et al., "Co-teaching: Robust training of deep neural networks with extremely noisy labels",
NeurIPS 2018, arXiv 1804.06872: deep networks fit right labels before wrong ones, so a large loss
early in training points to a wrong label. Here as the baseline that `agreement.Agreement` is
compared with, behind the same call.

Deviates: one network chooses for itself, where two choose for each other in Co-teaching, because a
wrapper around the loss has one network.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from dfer_jax.errors import UserError
from dfer_jax.training.agreement import ramp


@dataclasses.dataclass(frozen=True)
class SmallLoss:
    """Settings of the selection.

    Attributes:
        noise_rate: tau, the part of the labels expected to be wrong, in [0, 1).
        ramp_epochs: T_k, epochs over which the part left out grows from 0 to tau.

    Raises:
        UserError: if a setting makes no sense.
    """

    noise_rate: float
    ramp_epochs: float | int = 10.0

    def __post_init__(self) -> None:
        if not 0 <= self.noise_rate < 1:
            raise UserError(f"small-loss noise_rate is {self.noise_rate}; it must lie in [0, 1)")
        if self.ramp_epochs < 0:
            raise UserError(f"small-loss ramp_epochs is {self.ramp_epochs}; it must be at least 0")

    def __call__(
        self,
        losses: Float[Array, " b"],
        probabilities: Float[Array, "b v k"] | None,
        labels: Int[Array, " b"],
        *,
        epoch: Float[Array, ""] | float | int,
    ) -> tuple[Float[Array, " b"], dict[str, Float[Array, ""]]]:
        """Returns the weight of each clip's loss, and the share of clips left out as `noisy`.

        Kept are the floor(R * b) clips with the smallest losses, at least one,
        R = 1 - tau * min(epoch / T_k, 1) (Algorithm 1). Their weight is b over their number, so
        that the mean of weights * losses is the mean loss of those kept, as in the source; of equal
        losses that of the earlier clip counts as smaller. The weights have no gradient.

        Args:
            losses: [b], of one batch or one device's part of it: that is what is chosen from.
            probabilities: not read; no views are needed.
            labels: [b]; not read, because the loss contains them.
            epoch: epochs since the start, fractions included; may be traced.
        """
        del probabilities, labels
        losses = jax.lax.stop_gradient(losses)
        count = losses.shape[0]
        left_out = self.noise_rate * ramp(epoch, start=0.0, length=self.ramp_epochs)
        # The slack keeps rounding from losing a clip where R * b is whole.
        kept = jnp.maximum(jnp.floor((1 - left_out) * count + 1e-4), 1.0)
        rank = jnp.argsort(jnp.argsort(losses)).astype(jnp.float32)
        weights = jnp.where(rank < kept, count / kept, 0.0)
        return weights, {"noisy": 1 - kept / count}
