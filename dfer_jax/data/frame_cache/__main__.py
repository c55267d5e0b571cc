"""Decodes every frame of a built dataset once, for training that never waits for JPEGs.

    dfer cache dfew/full --size 128
    dfer train configs/dfew.py fold=1 data.cache=True

The cache lies beside the dataset, or under --cache_dir (then set data.cache_dir too). An
interrupted run is continued by the same command. --verify checks all checksums.
Exit codes: 0 done (or already there), 1 something is wrong, 2 bad usage.
"""

import shlex

from absl import app, flags, logging

from dfer_jax.data.frame_cache.build import build, verify
from dfer_jax.data.frame_cache.store import Place
from dfer_jax.errors import StoppedError, run
from dfer_jax.runtime.cores import usable_cores

_DATA_DIR = flags.DEFINE_string("data_dir", "data", "Folder the built data sets lie in.")
_SIZE = flags.DEFINE_integer("size", 128, "Side of the frames, pixels; data.decode_size.", 1)
_CACHE_DIR = flags.DEFINE_string(
    "cache_dir", "", "Folder for frame caches, on a fast disk; by default beside the data set."
)
_NUM_PROCESSES = flags.DEFINE_integer(
    "num_processes", None, "Decoding processes; by default all cores.", 1
)
_VERIFY = flags.DEFINE_bool("verify", False, "Check all frames of a cache against its checksums.")


def main(argv: list[str]) -> None:
    """Builds or verifies the cache of the data set named on the command line."""
    if len(argv) != 2:
        raise app.UsageError("give one NAME: dfer cache NAME")
    logging.set_verbosity(logging.ERROR)  # TFDS tells what it does, step by step
    place = Place(argv[1], _DATA_DIR.value, _SIZE.value, _CACHE_DIR.value)
    if _VERIFY.value:
        num_bytes, seconds = verify(place, num_threads=usable_cores())
        speed = num_bytes / seconds / 1e9
        print(f"{place.folder} is as it was written ({num_bytes / 1e9:.2f} GB, {speed:.2f} GB/s)")
        return
    try:
        built = build(place, num_processes=_NUM_PROCESSES.value or usable_cores())
    except KeyboardInterrupt as interrupt:
        raise StoppedError("interrupted; the same command continues") from interrupt
    print(f"{place.folder} {'is complete' if built else 'is there already'}")
    elsewhere = f" data.cache_dir={shlex.quote(place.cache_dir)}" if place.cache_dir else ""
    print(f"  use it with data.cache=True data.decode_size={place.size}{elsewhere}")


if __name__ == "__main__":
    run(main)
