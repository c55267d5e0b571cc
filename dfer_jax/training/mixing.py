"""Two clips in one, with the labels of both: mixup and cutmix, on the device.

H. Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018; S. Yun et al., "CutMix",
ICCV 2019. With soft labels, the share of the annotators' votes, mixup is what is known of MIDAS (R.
Kawamura et al., WACV 2024). Every clip is mixed with the one before it in its micro-batch; batches
are drawn at random.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key


@dataclasses.dataclass(frozen=True)
class Mixing:
    """How much of the other clip, and of which part of the pictures.

    Deviates: one share for a micro-batch of a device, as in the mixup paper's code; MIDAS's law of
    the share is not known to us.

    Attributes:
        num_classes: k.
        mixup_alpha: the clip's share is drawn from Beta(a, a); 0: no mixup.
        cutmix_alpha: the same, of the area that a box of the other clip leaves; 0: no cutmix.
        cutmix_share: where both are on, the probability of cutmix.
    """

    num_classes: int
    mixup_alpha: float
    cutmix_alpha: float
    cutmix_share: float

    def __call__(
        self,
        key: Key[Array, ""],
        clips: Float[Array, "b t h w c"],
        labels: Int[Array, " b"] | Float[Array, "b k"],
    ) -> tuple[Float[Array, "b t h w c"], Float[Array, "b k"]]:
        """Returns mixed clips and their targets, which sum to 1 if the labels do.

        Args:
            key: of this micro-batch.
            clips: at least two.
            labels: classes, or the share of each.
        """
        if labels.ndim == 1:
            labels = jax.nn.one_hot(labels, self.num_classes, dtype=jnp.float32)
        which, share, box = jax.random.split(key, 3)
        if not self.cutmix_alpha:
            return _mixup(share, clips, labels, alpha=self.mixup_alpha)
        if not self.mixup_alpha:
            return _cutmix(share, box, clips, labels, alpha=self.cutmix_alpha)
        return jax.lax.cond(
            jax.random.uniform(which) < self.cutmix_share,
            lambda: _cutmix(share, box, clips, labels, alpha=self.cutmix_alpha),
            lambda: _mixup(share, clips, labels, alpha=self.mixup_alpha),
        )


def blend(x: Float[Array, "b ..."], share: Float[Array, ""] | float) -> Float[Array, "b ..."]:
    """Returns share * x_i + (1 - share) * x_(i-1); the first row's other is the last."""
    return share * x + (1 - share) * jnp.roll(x, 1, axis=0)


def box_of(
    key: Key[Array, ""], share: Float[Array, ""], *, height: int, width: int
) -> Bool[Array, "h w"]:
    """Returns the pixels of the other clip: a box of 1 - share of the area, cut at the border.

    Its centre is uniform over the pixels, its sides have the ratio of the picture's.
    """
    side = jnp.sqrt(1 - share)
    inside = []
    for place, length in zip(jax.random.uniform(key, (2,)), (height, width), strict=True):
        half = jnp.floor(side * length).astype(jnp.int32) // 2
        centre = jnp.floor(place * length).astype(jnp.int32)
        pixels = jnp.arange(length)
        inside.append((pixels >= centre - half) & (pixels < centre + half))
    return inside[0][:, None] & inside[1][None, :]


def _mixup(key: Array, clips: Array, labels: Array, *, alpha: float) -> tuple[Array, Array]:
    share = jax.random.beta(key, alpha, alpha)
    return blend(clips, share.astype(clips.dtype)), blend(labels, share)


def _cutmix(
    key: Array, box_key: Array, clips: Array, labels: Array, *, alpha: float
) -> tuple[Array, Array]:
    share = jax.random.beta(key, alpha, alpha)
    box = box_of(box_key, share, height=clips.shape[2], width=clips.shape[3])
    mixed = jnp.where(box[None, None, :, :, None], jnp.roll(clips, 1, axis=0), clips)
    return mixed, blend(labels, 1 - box.mean(dtype=jnp.float32))
