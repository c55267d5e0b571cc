import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import small_disk

from dfer_jax.errors import UserError
from dfer_jax.runs import checkpoint, checkpoint_files, checkpoint_trees
from dfer_jax.runs.train_state import TrainState

_METADATA = checkpoint.make_metadata(
    model_name="lstm",
    model_kwargs={"width": 3},
    classes=["joy", "fear"],
    preprocess={"segments": 2},
    dataset="clips",
    source="trained",
)


def _state(step, width=3):
    params = {"dense": jnp.full((width, 2), step, jnp.float32)}
    return TrainState(
        step=jnp.int32(step),
        params=params,
        batch_stats={"mean": jnp.full(2, -step, jnp.float32)},
        opt_state=optax.sgd(0.1, momentum=0.9).init(params),
    )


@pytest.fixture(scope="module")
def saved_run(tmp_path_factory):
    """Four epochs, the second the best."""
    run = tmp_path_factory.mktemp("saved")
    with checkpoint.Checkpoints(str(run), best_metric="war") as saved:
        for step, war in zip((10, 20, 30, 40), (0.1, 0.9, 0.2, 0.3), strict=True):
            saved.save(_state(step), metrics={"war": war}, metadata=_METADATA)
    return run


@pytest.fixture
def run(saved_run, tmp_path):
    return shutil.copytree(saved_run, tmp_path / "run")


def _resume(run):
    with checkpoint.Checkpoints(str(run), best_metric="war") as saved:
        return saved.restore_latest(jax.eval_shape(lambda: _state(0)), metadata=_METADATA)


def _folder(run, step=40):
    return run / "checkpoints" / str(step)


def _data_file(folder):
    files = [p for p in folder.rglob("*") if p.parent.name == "d"]
    return max(files, key=lambda p: p.stat().st_size)


def _cut(folder):
    path = _data_file(folder / "optimizer")
    os.truncate(path, path.stat().st_size // 2)


def _flip(folder):
    path = _data_file(folder / "weights")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def _empty(folder):
    shutil.rmtree(folder)
    folder.mkdir()


def _change(file, **fields):
    def change(folder):
        (folder / "checksums.sha256").unlink()  # as if an older version had written it
        found = json.loads((folder / file).read_text())
        found.get("custom_metadata", found).update(fields)
        (folder / file).write_text(json.dumps(found))

    return change


DAMAGE = {
    "cut": (_cut, r"optimizer/\S+ is not as it was written"),
    "flipped bit": (_flip, r"weights/\S+ is not as it was written"),
    "half deleted": (lambda f: shutil.rmtree(f / "weights"), "weights is missing"),
    "no optimiser": (lambda f: shutil.rmtree(f / "optimizer"), "optimizer is missing"),
    "no metadata": (lambda f: (f / "_CHECKPOINT_METADATA").unlink(), "_METADATA is missing"),
    "no scores": (lambda f: shutil.rmtree(f / "metrics"), "metrics/metrics is missing"),
    "no JSON": (lambda f: (f / "metrics" / "metrics").write_text("{"), "metrics is not JSON"),
    "zeros": (lambda f: (f / "_CHECKPOINT_METADATA").write_bytes(b"\0" * 9), "is not JSON"),
    "deep": (lambda f: (f / "_CHECKPOINT_METADATA").write_text("[" * 10000), "is not JSON"),
    "empty folder": (_empty, "its folder is empty"),
    "null": (_change("_CHECKPOINT_METADATA", model=None), "does not give its model"),
    "absurd": (_change("metrics/metrics", war="high"), "gives no number for war"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_newest_checkpoint_is_set_aside_and_the_one_before_goes_on(run, caplog, kind):
    damage, words = DAMAGE[kind]
    damage(_folder(run))
    restored = _resume(run)
    assert int(restored.step) == 30
    np.testing.assert_array_equal(restored.params["dense"], _state(30).params["dense"])
    (said,) = caplog.messages
    assert said.startswith("checkpoint 40 is damaged (")
    assert said.endswith("was set aside as checkpoints/damaged-40; 10 steps are trained again")
    assert re.search(words, said)
    assert (run / "checkpoints" / "damaged-40").is_dir()
    assert checkpoint.list_checkpoints(str(run), best_metric="war") == {"last": 30, "best": 20}


@pytest.mark.parametrize("kind", [kind for kind in DAMAGE if kind != "cut"])
def test_reading_a_damaged_checkpoint_offers_the_intact_one_and_changes_nothing(run, kind):
    damage, words = DAMAGE[kind]
    damage(_folder(run))
    with pytest.raises(UserError, match=words) as caught:
        checkpoint.load_last_weights(str(run))
    assert "checkpoint 30 is intact; rename 40 to damaged-40" in str(caught.value)
    assert _folder(run).is_dir()
    _folder(run).rename(run / "checkpoints" / "damaged-40")  # as it says
    assert checkpoint.load_last_weights(str(run))[0]["params"]["dense"][0, 0] == 30


def test_weights_are_read_beside_a_damaged_optimiser(run):
    _cut(_folder(run))
    assert checkpoint.load_last_weights(str(run))[0]["params"]["dense"][0, 0] == 40


def test_the_last_two_and_the_best_are_kept_with_checksums(run):
    assert checkpoint_files.steps(str(run)) == [20, 30, 40]
    for step in (20, 30, 40):
        assert checkpoint_files.check_content(str(_folder(run, step)))


def test_damage_without_checksums_is_found_by_loading(run, caplog):
    (_folder(run) / "checksums.sha256").unlink()
    for path in (_folder(run) / "weights").rglob("d/*"):
        path.write_bytes(b"\0" * path.stat().st_size)
    assert int(_resume(run).step) == 30
    (said,) = caplog.messages
    assert said.startswith("checkpoint 40 is damaged (it cannot be read) and was set aside")


def test_what_a_failed_read_says_too_late_is_not_heard(run, monkeypatch):
    class Late:
        def __init__(self, what):
            self.what = what

        def __del__(self):
            raise RuntimeError(self.what)

    heard = []
    monkeypatch.setattr(sys, "unraisablehook", lambda found: heard.append(str(found.exc_value)))
    for path in (_folder(run) / "weights").rglob("d/*"):
        path.unlink()
    for _ in range(2):
        with pytest.raises(checkpoint_files.DamagedError):
            checkpoint_trees.load(str(_folder(run)))
    Late("Event loop is closed")
    Late("something else")
    assert heard == ["something else"]


KILLED = """
import os, signal, sys
from runs.checkpoint_test import _METADATA, _state
from dfer_jax.runs import checkpoint, checkpoint_files

checkpoint_files.seal = lambda folder: os.kill(os.getpid(), signal.SIGKILL)
with checkpoint.Checkpoints(sys.argv[1], best_metric="war") as saved:
    saved.save(_state(50), metrics={"war": 0.5}, metadata=_METADATA)
"""


def test_a_run_killed_between_a_checkpoint_and_its_checksums_goes_on_from_it(run, caplog):
    path = os.pathsep.join([os.getcwd(), os.path.join(os.getcwd(), "tests")])
    command = [sys.executable, "-c", KILLED, str(run)]
    killed = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not (_folder(run, 50) / "checksums.sha256").exists()
    (_folder(run, 50) / "checksums.sha256.new").write_text("ab")  # or a moment later
    assert int(_resume(run).step) == 50 and not caplog.messages
    assert checkpoint_files.check_content(str(_folder(run, 50))), "it is sealed late"
    assert int(_resume(run).step) == 50 and not caplog.messages
    _flip(_folder(run, 50))
    assert int(_resume(run).step) == 40
    assert "checkpoint 50 is damaged (weights/" in caplog.text


def test_an_empty_folder_of_a_later_step_is_set_aside(run, caplog):
    _folder(run, 99).mkdir()
    assert int(_resume(run).step) == 40
    assert "checkpoints/damaged-99; 59 steps are trained again" in caplog.text


def test_with_none_intact_nothing_starts_over_by_itself(run):
    for step in (20, 30, 40):
        _flip(_folder(run, step))
    with pytest.raises(UserError, match=r"no intact checkpoint is left in .* \(3 set aside"):
        _resume(run)
    assert _resume(run) is None
    names = sorted(os.listdir(run / "checkpoints"))
    assert names == ["damaged-20", "damaged-30", "damaged-40"]


def test_a_name_taken_is_not_overwritten(run):
    (run / "checkpoints" / "damaged-40").mkdir()
    _cut(_folder(run))
    _resume(run)
    assert (run / "checkpoints" / "damaged-40-2" / "weights").is_dir()


def test_another_model_is_no_damage(run):
    like = jax.eval_shape(lambda: _state(0, width=5))
    with (
        checkpoint.Checkpoints(str(run), best_metric="war") as saved,
        pytest.raises(UserError, match=r"another model or optimiser \(weights/params/dense is"),
    ):
        saved.restore_latest(like, metadata=_METADATA)
    assert _folder(run).is_dir()


@pytest.mark.parametrize("left", ["1.orbax-checkpoint-tmp", "0"])
def test_an_import_that_was_killed_is_done_again(tmp_path, left):
    (tmp_path / "checkpoints" / left / "weights").mkdir(parents=True)
    variables = {"params": {"w": np.ones(3, np.float32)}, "batch_stats": {}}
    metadata = _METADATA | {"source": "a.npz"}
    checkpoint.save_weights(str(tmp_path), variables, metadata)
    aside = ["damaged-0"] * (left == "0")
    assert sorted(os.listdir(tmp_path / "checkpoints")) == ["0", *aside]
    again, _ = checkpoint.load_weights(str(tmp_path), 0)
    np.testing.assert_array_equal(again["params"]["w"], np.ones(3))
    with pytest.raises(UserError, match="exists and is not empty; choose a new directory"):
        checkpoint.save_weights(str(tmp_path), variables, metadata)


def test_a_save_that_fails_in_the_background_fails_the_run(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    said = r"checkpoint 1 was not saved, .*No space left"
    with pytest.raises(UserError, match=said):  # noqa: SIM117 raised on leaving
        with checkpoint.Checkpoints(str(tmp_path), best_metric="war") as saved:
            monkeypatch.setattr(os, "fsync", full)
            saved.save(_state(1), metrics={}, metadata=_METADATA)


@pytest.fixture
def disk(tmp_path):
    """A disk of 1.4 MB, on which two checkpoints of `_random_state` have room."""
    with small_disk.mounted(tmp_path / "disk", "1400k") as where:
        yield where


def _random_state(step):
    state = _state(step)
    params = {"dense": jax.random.normal(jax.random.key(step), (150_000,))}  # does not compress
    return state.replace(params=params, opt_state=optax.sgd(0.1, momentum=0.9).init(params))


def test_a_disk_that_fills_up_is_a_sentence_and_room_lets_the_run_go_on(disk, caplog):
    def train(until):
        with checkpoint.Checkpoints(str(disk), best_metric="war") as saved:
            like = jax.eval_shape(lambda: _random_state(0))
            state = saved.restore_latest(like, metadata=_METADATA)
            start = 0 if state is None else int(state.step)
            for step in range(start + 1, until):
                saved.save(_random_state(step), metrics={"war": step / 9}, metadata=_METADATA)
        return start

    message = r"checkpoint 3 was not saved, /.*No space left on device \(1.2 MB needed, 0.. MB free"
    with pytest.raises(UserError, match=message):
        train(6)
    assert not caplog.messages  # one sentence, not a page of tracebacks
    small_disk.resize(disk, "4m")
    assert train(6) == 2
    assert sorted(os.listdir(disk / "checkpoints")) == ["4", "5"]
