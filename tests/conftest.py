"""Test-wide settings: two CPU devices, strict types, parsed flags for Grain's workers."""

import os
import signal

os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=2")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Tests, and the processes they start, build the same small programs again and again: compile each
# once, and leave the user's own cache alone.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", os.path.abspath(".pytest_cache/xla"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.5")

import jax
import pytest
from absl import flags

from dfer_jax import signals

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")
flags.FLAGS.mark_as_parsed()
# Tests started in the background ignore requests to stop, and what they start would inherit it.
for number, default in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGHUP, signal.SIG_DFL),
):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, default)


@pytest.fixture(autouse=True)
def no_request_to_stop_is_left():
    """A test that stops itself leaves nothing to the next one of the same process."""
    yield
    signals.received.clear()


@pytest.fixture(scope="module")
def quick_compiler():
    """XLA optimises little: compiling takes most of the time of tests of small networks."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
