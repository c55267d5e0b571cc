"""Frame caches of the small data set of `clip_dataset`."""

import clip_dataset
import numpy as np

from dfer_jax.data import decode
from dfer_jax.data.cached_source import CachedSource, open_cached_split
from dfer_jax.data.frame_cache.store import Place
from dfer_jax.data.source import open_split

SIZE = 24
FRAME_BYTES = SIZE * SIZE * 3
NUM_FRAMES = sum((*clip_dataset.LENGTHS, *clip_dataset.TEST_LENGTHS))


def place_in(data_dir, cache_dir, dataset="clip_dataset/plain") -> Place:
    return Place(dataset, str(data_dir), SIZE, str(cache_dir))


def cached(place, split) -> CachedSource:
    return open_cached_split(
        dataset=place.dataset,
        split=split,
        data_dir=place.data_dir,
        size=place.size,
        cache_dir=place.cache_dir,
    )


def assert_whole(place) -> None:
    """Every frame of every clip is there, pixel for pixel what decoding gives."""
    for split in ("train", "test"):
        source = open_split(dataset=place.dataset, split=split, data_dir=place.data_dir)
        store = cached(place, split)
        assert len(store) == len(source)
        for i in range(len(source)):
            example, held = source[i], store[i]
            everything = np.arange(example["num_frames"])
            expected = decode.decode_frames(example["frames"], everything, size=SIZE, clip="")
            np.testing.assert_array_equal(held["frames"].read(), expected)
