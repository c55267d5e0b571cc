"""Test-wide settings: two CPU devices, quick compiling, strict types, parsed flags for Grain."""

import gc
import os
import pathlib
import signal

import xla_flags

os.environ.setdefault("XLA_FLAGS", xla_flags.of_devices(2))
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Tests, and the processes they start, build the same small programs again and again: compile each
# once, and leave the user's own cache alone.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", os.path.abspath(".pytest_cache/xla"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")

import jax
import pytest
from absl import flags

from dfer_jax import signals

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")
flags.FLAGS.mark_as_parsed()
gc.set_threshold(100_000, 20, 50)  # tracing makes many objects that stay
# Tests started in the background ignore requests to stop, and what they start would inherit it.
for number, default in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGHUP, signal.SIG_DFL),
):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, default)


def pytest_collection_modifyitems(items):
    """Marks the tests of slow files and brings these to the front, the slowest first.

    slow_files.txt has the files that take more than three seconds; `--durations=0` tells.
    """
    root = pathlib.Path(__file__).parent
    slow = (root / "slow_files.txt").read_text().split()
    places = {name: place for place, name in enumerate(slow)}
    place = {item: places.get(item.path.relative_to(root).as_posix()) for item in items}
    for item in items:
        if place[item] is not None:
            item.add_marker("slow")
    items.sort(key=lambda item: len(slow) if place[item] is None else place[item])


@pytest.fixture(autouse=True)
def no_request_to_stop_is_left():
    """A test that stops itself leaves nothing to the next one of the same process.

    Neither does one that runs a command in it: a second request would end the process of all.
    """
    yield
    signals.received.clear()
    assert signal.set_wakeup_fd(-1) == -1


@pytest.fixture
def one_device(monkeypatch):
    """Training in this process uses one of the two devices."""
    monkeypatch.setattr(jax, "local_devices", lambda **_: jax.devices()[:1])


@pytest.fixture(scope="session")
def commands():
    """Runs command lines; see `warm_commands`."""
    import warm_commands

    made = warm_commands.Commands()
    yield made
    made.close()


@pytest.fixture(scope="session")
def built_clips(tmp_path_factory):
    """Folder of the built `clip_dataset/truth`; its readers leave it as it is."""
    import made_once

    return made_once.built_clips(tmp_path_factory)


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory):
    """Work directory of `tiny.config` on `built_clips`, trained; copy it before changing it."""
    import made_once

    return made_once.tiny_run(tmp_path_factory)


@pytest.fixture(scope="session")
def gentle_run(tmp_path_factory):
    """Work directory of `tiny.gentle`, evaluated, with its report; copy it before changing it."""
    import made_once

    return made_once.gentle_run(tmp_path_factory)


@pytest.fixture(scope="session")
def smoke_data(tmp_path_factory, commands):
    """Folder of `synthetic_dfer/smoke`, built by a command line; its readers leave it as it is."""
    import made_once

    return made_once.smoke_data(tmp_path_factory, commands)
