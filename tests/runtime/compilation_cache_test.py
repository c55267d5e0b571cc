import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import pytest
import xla_flags

from dfer_jax.runtime import compilation_cache

TRAIN = """
import json, sys
import jax, jax.monitoring
import tiny
from dfer_jax.clips.train import train
from dfer_jax.runs import metric_writer
from dfer_jax.runtime import compilation_cache

events = []
jax.monitoring.register_event_listener(lambda event, **_: events.append(event))
folder = compilation_cache.enable()
config = tiny.plain(sys.argv[1])
config.train.epochs = 1
train(config, sys.argv[2], overrides={}, with_evaluation=False)
rows = metric_writer.read_metrics(sys.argv[2])
losses = [row["train/loss"] for row in rows]
hits = events.count("/jax/compilation_cache/cache_hits")
print(json.dumps({"hits": hits, "losses": losses, "folder": str(folder)}))
"""


@pytest.fixture
def without_a_cache(monkeypatch):
    """JAX as it starts where the user has set nothing, and as it was afterwards."""
    names = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
    before = {name: getattr(jax.config, name) for name in names}
    jax.config.update("jax_compilation_cache_dir", None)
    yield monkeypatch
    for name, value in before.items():
        jax.config.update(name, value)


def _train(data_dir, workdir, cache_home):
    chosen = {name: value for name, value in os.environ.items() if not name.startswith("JAX_COMP")}
    here = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, str(data_dir), str(workdir)],
        capture_output=True,
        text=True,
        check=False,
        env={
            **chosen,
            "XLA_FLAGS": xla_flags.of_devices(1),
            "XDG_CACHE_HOME": str(cache_home),
            "PYTHONPATH": os.pathsep.join([str(here), str(here / "tests")]),
        },
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


@pytest.mark.soak(reason="two processes that import, compile and train")
def test_a_second_process_finds_the_programs_and_computes_the_same(built_clips, tmp_path):
    first, _ = _train(built_clips, tmp_path / "first", tmp_path / "cache")
    second, told = _train(built_clips, tmp_path / "second", tmp_path / "cache")
    assert first["folder"].startswith(str(tmp_path / "cache" / "dfer_jax" / "xla"))
    assert first["hits"] == 0
    assert second["hits"] >= 2  # initial state and training step
    assert first["losses"] == second["losses"]  # to the last bit
    for noise in ("Warning", "AOT", "machine feature"):
        assert noise not in told


def test_the_folder_is_private_and_short_programs_are_left_out(tmp_path, without_a_cache):
    without_a_cache.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = compilation_cache.enable()
    assert jax.config.jax_compilation_cache_dir == str(folder)
    assert jax.config.jax_persistent_cache_min_compile_time_secs > 0
    for part in (folder, *list(folder.parents)[:2]):
        assert part.stat().st_mode & 0o777 == 0o700, part


@pytest.mark.parametrize("home", ["", "relative"])
def test_without_a_usable_setting_it_lies_below_home(home, tmp_path, without_a_cache):
    without_a_cache.setenv("XDG_CACHE_HOME", home)
    without_a_cache.setenv("HOME", str(tmp_path))
    assert compilation_cache.enable().is_relative_to(tmp_path / ".cache" / "dfer_jax" / "xla")


def test_a_folder_chosen_by_the_user_is_left_alone(tmp_path, without_a_cache):
    without_a_cache.setenv("XDG_CACHE_HOME", str(tmp_path / "not this"))
    jax.config.update("jax_compilation_cache_dir", str(tmp_path / "chosen"))
    assert compilation_cache.enable() is None
    assert jax.config.jax_compilation_cache_dir == str(tmp_path / "chosen")
    assert not (tmp_path / "not this").exists()


def test_a_place_that_is_a_file_is_no_error(tmp_path, without_a_cache):
    (tmp_path / "file").touch()
    without_a_cache.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert compilation_cache.enable() is None
    assert jax.config.jax_compilation_cache_dir is None


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path, without_a_cache):
    without_a_cache.setenv("XDG_CACHE_HOME", str(tmp_path))
    without_a_cache.setattr(compilation_cache.os, "access", lambda *_: False)  # root may always
    assert compilation_cache.enable() is None
    assert jax.config.jax_compilation_cache_dir is None


@pytest.mark.parametrize("mode", [0o770, 0o702])
def test_a_folder_others_can_write_is_not_used(mode, tmp_path, without_a_cache):
    without_a_cache.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "dfer_jax").mkdir()
    (tmp_path / "dfer_jax").chmod(mode)
    assert compilation_cache.enable() is None
    assert jax.config.jax_compilation_cache_dir is None


def test_a_folder_of_another_user_is_not_used(tmp_path, without_a_cache):
    without_a_cache.setenv("XDG_CACHE_HOME", str(tmp_path))
    other = os.geteuid() + 1
    without_a_cache.setattr(compilation_cache.os, "geteuid", lambda: other)
    assert compilation_cache.enable() is None


def test_what_was_used_longest_ago_is_deleted(tmp_path, without_a_cache):
    without_a_cache.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = compilation_cache.enable()
    (folder / "autotune").mkdir()  # as XLA makes on GPUs
    for age, name in enumerate(("newest", "autotune/middle", "oldest")):
        (folder / name).write_bytes(bytes(1000))
        os.utime(folder / name, (1e9 - age, 1e9 - age))
    jax.config.update("jax_compilation_cache_dir", None)
    compilation_cache.enable(max_bytes=2500)
    assert (folder / "newest").exists() and (folder / "autotune/middle").exists()
    assert not (folder / "oldest").exists()
