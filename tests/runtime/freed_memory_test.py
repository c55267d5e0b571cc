"""Large freed blocks go back to the system, also after many of them."""

import subprocess
import sys

import pytest

from dfer_jax.runtime.freed_memory import give_back_at_once

PROGRAM = """
import sys
import numpy as np
from dfer_jax.runtime.freed_memory import give_back_at_once

def resident():
    with open("/proc/self/statm") as file:
        return 4096 * int(file.read().split()[1])

if not give_back_at_once():
    sys.exit(3)  # another C library
blocks = [np.ones(2 << 20, np.uint8) for _ in range(20)]
between = [np.ones(1000, np.uint8) for _ in range(20)]
before = resident()
blocks.clear()
assert before - resident() > 30 << 20 and len(between) == 20
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
def test_a_freed_block_is_given_back_at_once(monkeypatch):
    monkeypatch.delenv("MALLOC_MMAP_THRESHOLD_", raising=False)
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    if done.returncode == 3:
        pytest.skip("another C library")
    assert done.returncode == 0, done.stderr


def test_what_the_user_set_stays(monkeypatch):
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", "65536")
    assert not give_back_at_once()
