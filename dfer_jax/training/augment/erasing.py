"""Random erasing: noise in a box, which is the same in all frames of a clip.

Z. Zhong et al., AAAI 2020, with the numbers of VideoMAE's fine-tuning, which MAE-DFER, SVFAP and
S2D took over: the box has 2 to 33 % of the picture and a ratio of the sides of 0.3 to 1 / 0.3.
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from dfer_jax.models.normalisation import NORMALISATIONS

_TRIES = 10
_AREA, _LOG_RATIO = (0.02, 1 / 3), math.log(1 / 0.3)


def erase_clips(
    keys: Key[Array, " b"], clips: Float[Array, "b t h w 3"], *, probability: float
) -> Float[Array, "b t h w 3"]:
    """Erases a box of every clip with this probability.

    Every value of it becomes noise of its own, normal with ImageNet's mean and deviation of that
    channel: standard normal for a network that normalises so.
    """

    def erase(key: Key[Array, ""], clip: Float[Array, "t h w 3"]) -> Float[Array, "t h w 3"]:
        of_box, of_noise = jax.random.split(key)
        top, left, height, width = draw_box(of_box, size=clip.shape[1:3])
        y, x = jnp.arange(clip.shape[1])[:, None], jnp.arange(clip.shape[2])[None]
        inside = (y >= top) & (y < top + height) & (x >= left) & (x < left + width)
        imagenet = NORMALISATIONS["imagenet"]
        mean, std = (jnp.broadcast_to(jnp.asarray(x), clip.shape) for x in imagenet[1:])
        noise = mean + std * jax.random.normal(of_noise, clip.shape, clip.dtype)
        return jnp.where(inside[None, ..., None], noise, clip)

    def erase_some(pair: tuple[Array, Array]) -> Float[Array, "t h w 3"]:
        of_chance, of_rest = jax.random.split(pair[0])
        is_erased = jax.random.uniform(of_chance) < probability
        return jax.lax.cond(is_erased, erase, lambda _, clip: clip, of_rest, pair[1])

    return jax.lax.map(erase_some, (keys, clips))  # one by one: noise takes the most time


def draw_box(key: Key[Array, ""], *, size: tuple[int, int]) -> Int[Array, " 4"]:
    """Draws top, left, height and width in pixels; no height nor width where no try fits.

    Area and logarithm of the ratio are uniform; the first of ten tries that is smaller than the
    picture is taken, at a uniform place. (Of 100 in the codes; fewer than 1 % of the draws fail.)
    """
    draws = jax.random.uniform(key, (2 * _TRIES + 2,))
    areas, ratios = draws[:-2].reshape(2, _TRIES)
    areas = (_AREA[0] + (_AREA[1] - _AREA[0]) * areas) * size[0] * size[1]
    root = jnp.exp(_LOG_RATIO * (2 * ratios - 1) / 2)
    sides = jnp.stack([jnp.sqrt(areas) * root, jnp.sqrt(areas) / root], axis=1)
    sides = jnp.round(sides).astype(jnp.int32)
    whole = jnp.asarray(size, jnp.int32)
    fits = (sides < whole[None]).all(axis=1)
    first = jnp.argmax(fits)
    chosen = jnp.where(fits[first], sides[first], 0)
    places = jnp.floor(draws[-2:] * (whole - chosen + 1).astype(jnp.float32)).astype(jnp.int32)
    return jnp.concatenate([places, chosen])
