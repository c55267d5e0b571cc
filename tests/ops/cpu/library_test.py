"""The C++ is compiled once, and its absence costs nothing but speed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler")

STEP = """
import jax, jax.numpy as jnp
from dfer_jax.ops.convolution import convolve
from dfer_jax.ops.cpu import library

print(library.available())
x, kernel = jnp.ones((2, 8, 8, 64)), jnp.ones((3, 3, 64, 64))
total = lambda x, kernel: convolve(x, kernel, 1).sum()
print(*(float(jnp.sum(part)) for part in jax.jit(jax.grad(total, (0, 1)))(x, kernel)))
"""


def _run(cache, **environment):
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", STEP],
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "XDG_CACHE_HOME": str(cache),
            "PYTHONPATH": str(root),
            "JAX_ENABLE_COMPILATION_CACHE": "false",
            **environment,
        },
    )
    assert done.returncode == 0, done.stderr
    available, sums = done.stdout.splitlines()
    return available == "True", [float(number) for number in sums.split()]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """A cache folder with the library, and the sums it gave."""
    cache = tmp_path_factory.mktemp("compiled")
    available, sums = _run(cache)
    assert available
    return cache, sums


def test_it_is_compiled_once_into_a_private_folder(compiled):
    cache, sums = compiled
    (library,) = cache.rglob("*.so")
    assert library.parent.stat().st_mode & 0o777 == 0o700
    assert list(library.parent.iterdir()) == [library]  # nothing else is left
    made = library.stat().st_mtime_ns
    assert _run(cache) == (True, sums)
    assert library.stat().st_mtime_ns == made


@pytest.mark.parametrize("compiler", ["false", "no-such-compiler", "echo"])
def test_without_a_compiler_the_sums_are_the_same(tmp_path, compiled, compiler):
    available, sums = _run(tmp_path, CXX=compiler)
    assert not available
    assert not list(tmp_path.rglob("*.so"))
    assert sums == pytest.approx(compiled[1], rel=1e-5)


@pytest.fixture
def own_cache(compiled, tmp_path):
    """A copy of the cache folder, to be changed."""
    return shutil.copytree(compiled[0], tmp_path / "cache")


def test_a_damaged_library_is_not_used(own_cache):
    (library,) = own_cache.rglob("*.so")
    library.write_bytes(library.read_bytes()[:200])
    assert not _run(own_cache)[0]


def test_a_folder_of_others_is_not_used(own_cache):
    (own_cache / "dfer_jax" / "native").chmod(0o777)
    assert not _run(own_cache)[0]
