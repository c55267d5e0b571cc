"""Built data and trained runs that several test files use: made by the first, for all workers."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import clip_dataset
import jax
import pytest
import tiny

from dfer_jax.clips import evaluate_run
from dfer_jax.clips.task import ClipTask
from dfer_jax.runs import workdir
from dfer_jax.runtime import file_lock
from dfer_jax.training.loop import Trainer


def built_clips(factory: pytest.TempPathFactory) -> Path:
    """Returns the folder of the built `clip_dataset/truth`."""
    return _once(factory, "built_clips", lambda folder: clip_dataset.build(str(folder), "truth"))


def tiny_run(factory: pytest.TempPathFactory) -> Path:
    """Returns the work directory of a run of `tiny.config` on one device, evaluated each epoch."""
    config = tiny.config(built_clips(factory))
    return _once(factory, "tiny_run", lambda folder: _train(config, str(folder)))


def gentle_run(factory: pytest.TempPathFactory) -> Path:
    """Returns the same of `tiny.gentle`, with its evaluation and report."""
    config = tiny.gentle(built_clips(factory))

    def make(folder: Path) -> None:
        _train(config, str(folder))
        evaluate_run.evaluate_checkpoints(config, str(folder))

    return _once(factory, "gentle_run", make)


def smoke_data(factory: pytest.TempPathFactory, commands) -> Path:
    """Returns the folder of `synthetic_dfer/smoke`, built by the command line `commands`."""

    def make(folder: Path) -> None:
        built = commands.run("tfds_builders.build", "synthetic_dfer/smoke", f"--data_dir={folder}")
        assert built.returncode == 0, built.stderr

    return _once(factory, "smoke_data", make)


def _train(config, directory: str) -> None:
    workdir.claim(directory, json.loads(config.to_json_best_effort()), {})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax, "local_devices", lambda **_: jax.devices()[:1])
        Trainer(ClipTask, config, directory).run(with_evaluation=True)


def _once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Returns a folder that `make` filled, in this worker or in another."""
    base = factory.getbasetemp()
    base = base.parent if base.name.startswith("popen-") else base  # shared by the workers
    folder = base / "made_once" / name
    done = folder.with_suffix(".done")
    with file_lock.taking_turns(folder.with_suffix(".lock"), what=name):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of one that failed
            folder.mkdir()
            make(folder)
            done.touch()
    return folder
