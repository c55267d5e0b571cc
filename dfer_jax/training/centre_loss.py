"""Centre loss: the features of a class near a centre of their own, which follows them.

Y. Wen et al., "A Discriminative Feature Learning Approach for Deep Face Recognition", ECCV 2016;
two rows of the DFEW benchmark (X. Jiang et al., ACM MM 2020) are trained with it. The centres are
part of the train state and of checkpoints, so that a run goes on from where they were.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key


@dataclasses.dataclass(frozen=True)
class CentreLoss:
    """Half the sum of squared distances of a batch's features to the centres of their labels.

    Deviates: the DFEW paper gives the weight 1e-4 alone; sum, rate and first centres, drawn from
    N(0, 1), are those of the centre loss's own paper and its usual code.

    Attributes:
        weight: of the term (DFEW: 1e-4), for the step that adds it to the others.
        rate: share of the way to its features that a centre goes in a step, 0 to 1.
        batch_size: clips of a whole batch, over all devices and micro-batches: their means are
            averaged, and times this they are the sum.
    """

    weight: float
    rate: float
    batch_size: int

    def init(self, key: Key[Array, ""], *, num_classes: int, width: int) -> Float[Array, "k d"]:
        """Returns the first centres, one of `width` numbers for each class."""
        return jax.random.normal(key, (num_classes, width), jnp.float32)

    def __call__(
        self,
        features: Float[Array, "b d"],
        labels: Int[Array, " b"],
        centres: Float[Array, "k d"],
    ) -> tuple[Float[Array, ""], dict[str, Float[Array, "k ..."]]]:
        """Returns the unweighted term and what `moved` asks of these clips.

        Its gradient for a feature is the feature minus its centre, over the mean's share; centres
        get none.

        Args:
            features: [b, d], any floating type.
            labels: [b], 0..k-1.
            centres: of the train state.

        Returns:
            scalar, and `pull` [k, d], the sum of centre minus feature by label, `count` [k].
        """
        centres = jax.lax.stop_gradient(centres)
        difference = centres[labels] - features.astype(jnp.float32)
        value = self.batch_size * 0.5 * jnp.square(difference).sum(axis=-1).mean()
        of_label = jax.nn.one_hot(labels, len(centres), dtype=jnp.float32)  # [b, k]
        pull = jnp.einsum("bk,bd->kd", of_label, difference, precision="highest")
        return value, jax.lax.stop_gradient({"pull": pull, "count": of_label.sum(axis=0)})

    def moved(
        self, centres: Float[Array, "k d"], sums: dict[str, Float[Array, "k ..."]]
    ) -> Float[Array, "k d"]:
        """Returns the centres after a step: c_j - rate * sum (c_j - x_i) / (1 + n_j).

        Args:
            centres: before it.
            sums: of `__call__`, over all clips of the batch; a class without any stays.
        """
        return centres - self.rate * sums["pull"] / (1 + sums["count"])[:, None]
