"""How training clips are varied: fields of a config, and what they do one after another."""

import dataclasses

import jax
from jaxtyping import Array, Float, Key, UInt8

from dfer_jax.training.augment import crops
from dfer_jax.training.augment.erasing import erase_clips
from dfer_jax.training.augment.rand_augment import rand_augment_clips


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """RandAugment, then `crops.augment_clips`, then random erasing.

    Deviates: RandAugment sees the pictures as they are decoded, where the codes that have it first
    shrink them to what the network sees; so they are resized once.

    Attributes:
        rand_operations: of RandAugment, for each clip; 0: none.
        rand_magnitude: of these, 0..10.
        erase_probability: of a clip, that a box of it is erased.
    """

    image_size: int
    area: tuple[float, float]
    ratio: tuple[float, float]
    max_degrees: float
    flip_probability: float
    brightness: float
    rand_operations: int = 0
    rand_magnitude: float = 7.0
    erase_probability: float = 0.0

    def __call__(
        self, keys: Key[Array, " b"], clips: UInt8[Array, "b t s s 3"]
    ) -> Float[Array, "b t h w 3"]:
        """Returns float32 clips in [0, 1], but where they are erased; one key per clip."""
        if self.rand_operations or self.erase_probability:
            keys, of_operations, of_box = jax.vmap(lambda key: jax.random.split(key, 3))(keys).T
        if self.rand_operations:
            options = {"operations": self.rand_operations, "magnitude": self.rand_magnitude}
            clips = rand_augment_clips(of_operations, clips, **options)
        varied = crops.augment_clips(
            keys,
            clips,
            image_size=self.image_size,
            area=self.area,
            ratio=self.ratio,
            max_degrees=self.max_degrees,
            flip_prob=self.flip_probability,
            brightness=self.brightness,
        )
        if self.erase_probability:
            varied = erase_clips(of_box, varied, probability=self.erase_probability)
        return varied
