"""Real worker processes that are killed and stopped in the middle of their work."""

import multiprocessing
import os
import re
import signal
import time

import pytest

from dfer_jax.data import loader_workers, pipeline
from dfer_jax.data.source import ClipSource, open_split
from dfer_jax.errors import UserError

OPTIONS = {"segments": 8, "frames_per_segment": 2, "policy": "uniform", "decode_size": 32}


class Slow(ClipSource):
    """The clips of a split, each of which a worker takes long to read."""

    def __getitem__(self, index):
        example = super().__getitem__(index)
        with loader_workers.reading(example["clip_id"]):
            time.sleep(0.3)
        return example


@pytest.mark.parametrize(
    ("number", "message"),
    [(signal.SIGKILL, "was killed or crashed, at "), (signal.SIGSTOP, "has been at ")],
)
def test_a_killed_or_stuck_worker_is_said_with_its_clip(data_dir, monkeypatch, number, message):
    monkeypatch.setattr(loader_workers, "PATIENCE", 4.0)
    source = open_split(dataset="clip_dataset/plain", split="train", data_dir=data_dir)
    batches = pipeline.training_batches(
        Slow(**source.__getstate__()),
        **OPTIONS,
        batch_size=4,
        seed=3,
        start_step=0,
        num_steps=600,
        num_workers=2,
    )
    next(batches)
    workers = multiprocessing.active_children()
    os.kill(workers[0].pid, number)
    started = time.monotonic()
    with pytest.raises(UserError, match=f"a process that reads clips {message}") as caught:
        list(batches)
    assert time.monotonic() - started < 60
    said = str(caught.value)
    assert any(source[row]["clip_id"] in said for row in range(len(source))), said
    assert re.search("run the same command again to go on", said)
    for worker in workers:
        worker.kill()
        worker.join()
