"""Test-wide settings: two CPU devices, strict types, parsed flags for Grain's workers."""

import os
import signal

os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=2")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
from absl import flags

# Tests build the same small programs again and again: compile each once.
jax.config.update("jax_compilation_cache_dir", os.path.join(os.getcwd(), ".pytest_cache", "xla"))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")
flags.FLAGS.mark_as_parsed()
# Tests started in the background ignore Ctrl-C, and the processes they interrupt would inherit it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
