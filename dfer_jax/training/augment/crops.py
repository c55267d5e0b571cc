"""Training augmentation and test-time resizing of clips, on the device, inside the jitted step.

Source: the released code of GCA+IAL (AAAI 2023): random resized crop, horizontal flip, brightness,
rotation, with one set of parameters for all frames of a clip. A clip's result depends on its own
key alone, not on the batch or on how the batch is spread over devices.

Pixel centres lie at half-integers of the picture's extent, as in OpenCV and Pillow.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, UInt8

_CROP_TRIES = 10


def augment_clips(
    keys: Key[Array, " b"],
    clips: UInt8[Array, "b t s s 3"],
    *,
    image_size: int,
    area: tuple[float, float] = (0.85, 1.0),
    ratio: tuple[float, float] = (3 / 5, 5 / 3),
    max_degrees: float = 4.0,
    flip_prob: float = 0.5,
    brightness: float = 0.6,
) -> Float[Array, "b t {image_size} {image_size} 3"]:
    """Crops, flips, rotates and brightens every clip at random.

    Crop, resizing, flip and rotation are one bilinear interpolation; brightness follows.

    Args:
        keys: one typed key for each clip.
        clips: RGB in 0..255.
        image_size: side of the pictures returned, in pixels.
        area: smallest and largest area of the crop, as a share of the picture.
        ratio: smallest and largest width / height of the crop, before the random swap of the two.
        max_degrees: rotation is uniform in plus or minus this angle.
        flip_prob: probability of mirroring left and right.
        brightness: factor is uniform in 1 plus or minus this number; results are clamped to [0, 1].

    Returns:
        float32 RGB in [0, 1]; black where the rotated crop leaves the picture empty.

    Deviates: the release resamples twice (crop, then rotation), rounds to 8 bits after each step
    and brightens before rotating; one float32 interpolation loses less and costs one pass.
    Deviates: no smoothing when shrinking, because the pipeline has already averaged the pictures
    down to nearly `image_size`; the release's resize smooths.
    """

    def augment_one(key: Key[Array, ""], clip: UInt8[Array, "t s s 3"]) -> Float[Array, "t h w 3"]:
        crop_key, other_key = jax.random.split(key)
        crop = draw_crop(crop_key, size=clip.shape[1], area=area, ratio=ratio)
        turn, flip, light = jax.random.uniform(other_key, (3,))
        degrees = max_degrees * (2 * turn - 1)
        matrix = warp_matrix(crop, degrees, flip < flip_prob, image_size=image_size)
        warped = warp_clip(clip, crop, matrix, image_size=image_size)
        return jnp.clip(warped * (1 + brightness * (2 * light - 1)), 0.0, 1.0)

    return jax.vmap(augment_one)(keys, clips)


def resize_clips(
    clips: UInt8[Array, "b t s s 3"], *, image_size: int
) -> Float[Array, "b t {image_size} {image_size} 3"]:
    """Resizes clips for evaluation: bilinear, smoothed when shrinking (as Pillow does).

    Args:
        clips: RGB in 0..255.
        image_size: side of the pictures returned, in pixels; equal size divides by 255 only.

    Returns:
        float32 RGB in [0, 1].
    """
    scaled = clips.astype(jnp.float32) / 255
    if clips.shape[2] == image_size:
        return scaled
    shape = (*clips.shape[:2], image_size, image_size, 3)
    return jnp.clip(jax.image.resize(scaled, shape, "bilinear"), 0.0, 1.0)


def draw_crop(
    key: Key[Array, ""], *, size: int, area: tuple[float, float], ratio: tuple[float, float]
) -> Int[Array, " 4"]:
    """Draws a crop window (left, top, width, height) in pixels of a square picture.

    Area and width / height are uniform, the two sides swapped with probability 1/2; the first of
    ten tries that fits is taken, at a uniform position. If none fits, the crop is the whole
    picture: the release then scales the short side to the target and crops a square, which on a
    square picture is the same. With the released ranges about 18 % of clips end there.
    """
    draws = jax.random.uniform(key, (3 * _CROP_TRIES + 2,))  # in one call: compiles faster
    areas, ratios, swaps = draws[:-2].reshape(3, _CROP_TRIES)
    areas = size * size * (area[0] + (area[1] - area[0]) * areas)
    ratios = ratio[0] + (ratio[1] - ratio[0]) * ratios
    ratios = jnp.where(swaps < 0.5, 1 / ratios, ratios)
    widths = jnp.round(jnp.sqrt(areas * ratios)).astype(jnp.int32)
    heights = jnp.round(jnp.sqrt(areas / ratios)).astype(jnp.int32)
    fits = (widths <= size) & (heights <= size)
    first = jnp.argmax(fits)
    sides = jnp.where(fits[first], jnp.stack([widths[first], heights[first]]), size)
    places = draws[-2:] * (size - sides + 1).astype(jnp.float32)
    return jnp.concatenate([places.astype(jnp.int32), sides])


def warp_matrix(
    crop: Int[Array, " 4"],
    degrees: Float[Array, ""],
    flip: Bool[Array, ""],
    *,
    image_size: int,
) -> Float[Array, "2 3"]:
    """Returns the matrix that takes a pixel (x, y, 1) of the result to a pixel of the source.

    The result is the crop resized to a square, mirrored if `flip`, then turned by `degrees`
    counter-clockwise about its centre.
    """
    left, top, width, height = crop.astype(jnp.float32)
    angle = jnp.deg2rad(degrees)
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    scale_x = jnp.where(flip, -width, width) / image_size
    scale_y = height / image_size
    across = jnp.stack([cos, -sin]) * scale_x
    down = jnp.stack([sin, cos]) * scale_y
    centre = (image_size - 1) / 2
    offset_x = left + (width - 1) / 2 - centre * across.sum()
    offset_y = top + (height - 1) / 2 - centre * down.sum()
    return jnp.stack([jnp.append(across, offset_x), jnp.append(down, offset_y)])


def warp_clip(
    clip: UInt8[Array, "t s s 3"],
    crop: Int[Array, " 4"],
    matrix: Float[Array, "2 3"],
    *,
    image_size: int,
) -> Float[Array, "t {image_size} {image_size} 3"]:
    """Interpolates all frames of a clip bilinearly at the places the matrix points to.

    Pixels outside the crop count as black, so that a turned crop has black corners; an enlarged
    crop's outermost pixels mix with that black by less than a tenth (OpenCV's constant border).

    Returns:
        float32 in [0, 1].
    """
    num_frames, size = clip.shape[:2]
    steps = jnp.arange(image_size, dtype=jnp.float32)
    x, y = jnp.meshgrid(steps, steps)  # [h, w]
    source_x = matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2]
    source_y = matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2]
    pixels = clip.reshape(num_frames, size * size, 3)
    result = jnp.zeros((num_frames, image_size * image_size, 3), jnp.float32)
    for column, weight_x in _taps(source_x, start=crop[0], length=crop[2]):
        for row, weight_y in _taps(source_y, start=crop[1], length=crop[3]):
            index = (row * size + column).reshape(-1)
            weight = (weight_x * weight_y).reshape(1, -1, 1) / 255
            taken = pixels.at[:, index].get(mode="promise_in_bounds")  # [t, h * w, 3]
            result += taken.astype(jnp.float32) * weight
    return result.reshape(num_frames, image_size, image_size, 3)


def _taps(
    position: Float[Array, "h w"], *, start: Int[Array, ""], length: Int[Array, ""]
) -> list[tuple[Int[Array, "h w"], Float[Array, "h w"]]]:
    """Returns the two neighbours of a position on one axis, each with its weight.

    A neighbour outside [start, start + length) has weight zero and the nearest index inside.
    """
    below = jnp.floor(position)
    fraction = position - below
    taps = []
    for index, weight in ((below, 1 - fraction), (below + 1, fraction)):
        index = index.astype(jnp.int32)
        inside = (index >= start) & (index < start + length)
        taps.append((jnp.clip(index, start, start + length - 1), jnp.where(inside, weight, 0.0)))
    return taps
