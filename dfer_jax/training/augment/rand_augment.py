"""RandAugment: a few operations drawn from fifteen, the same for all frames of a clip.

E. D. Cubuk et al., arXiv 1909.13719, in the form that timm gave it and the fine-tuning of VideoMAE,
MAE-DFER, SVFAP and S2D took over ("increasing" operations): each is drawn with replacement and done
half of the time, with a level drawn for it and a direction by chance.
"""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, UInt8

from dfer_jax.training.augment import affine, colours

_PROBABILITY = 0.5  # that an operation which was drawn is done
_SPREAD = 0.5  # standard deviation of the level
_NUM_COLOURS = len(colours.OPERATIONS)
NUM_KINDS = _NUM_COLOURS + len(affine.KINDS)
"""Operations to draw from: those of `colours`, then those of `affine`."""


def rand_augment_clips(
    keys: Key[Array, " b"], clips: UInt8[Array, "b t s s 3"], *, operations: int, magnitude: float
) -> UInt8[Array, "b t s s 3"]:
    """Varies every clip by operations of its own.

    One clip after another: together, all operations would be computed for every clip.

    Args:
        keys: one typed key for each clip.
        clips: RGB in 0..255.
        operations: drawn for a clip, one after the other.
        magnitude: mean level, 0..10.
    """
    vary = functools.partial(_rand_augment, operations=operations, magnitude=magnitude)
    return jax.lax.map(lambda pair: vary(*pair), (keys, clips))


def _rand_augment(
    key: Key[Array, ""], clip: UInt8[Array, "t s s 3"], *, operations: int, magnitude: float
) -> UInt8[Array, "t s s 3"]:
    def step(clip: Array, key: Array) -> tuple[Array, None]:
        of_kind, of_level, of_rest = jax.random.split(key, 3)
        kind = jax.random.randint(of_kind, (), 0, NUM_KINDS)
        level = jnp.clip(magnitude + _SPREAD * jax.random.normal(of_level), 0, colours.MOST)
        is_done, is_negative = jax.random.uniform(of_rest, (2,)) < jnp.asarray([_PROBABILITY, 0.5])
        sign = jnp.where(is_negative, -1.0, 1.0)
        done = jax.lax.cond(
            is_done, apply_operation, lambda clip, *_: clip, clip, kind, level, sign
        )
        return done, None

    return jax.lax.scan(step, clip, jax.random.split(key, operations))[0]


def apply_operation(
    clip: UInt8[Array, "t s s 3"],
    kind: Int[Array, ""],
    level: Float[Array, ""],
    sign: Float[Array, ""],
) -> UInt8[Array, "t s s 3"]:
    """Returns what one operation makes of a clip.

    Args:
        clip: RGB in 0..255.
        kind: 0..`NUM_KINDS` - 1.
        level: 0..10.
        sign: 1 or -1, of the operations that go both ways.
    """

    def warp(clip: Array, level: Array, sign: Array) -> Array:
        found = affine.matrix(kind - _NUM_COLOURS, level, sign, size=clip.shape[1])
        return affine.warp(clip, found)

    branch = jnp.minimum(kind, _NUM_COLOURS)
    return jax.lax.switch(branch, (*colours.OPERATIONS, warp), clip, level, sign)
