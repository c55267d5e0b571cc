"""Crops videos on several processes, each with networks of its own."""

import concurrent.futures
import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from multiprocessing.connection import wait
from multiprocessing.synchronize import Event
from pathlib import Path

import cv2

from dfer_jax import signals
from dfer_jax.data.crop.clip import crop_video
from dfer_jax.data.crop.plan import Video
from dfer_jax.data.crop.record import Outcome
from dfer_jax.errors import UserError
from dfer_jax.video.faces import CropSettings, FaceTracker


class _Worker:
    """What a cropping process holds for all its videos."""

    out: Path
    settings: CropSettings
    tracker: FaceTracker
    stop: Event


def crop_videos(
    videos: list[Video], out: Path, settings: CropSettings, model: Path, *, processes: int
) -> Iterator[Outcome]:
    """Yields what became of each video, in the order in which they are done.

    Leaving early stops the processes at their next frame.

    Args:
        videos: which ones.
        out: folder of all crops.
        settings: of the crops.
        model: file of the face networks.
        processes: how many at once; with 1 it is this process that crops.

    Raises:
        UserError: if a process was killed.
        OSError: if something cannot be written.
    """
    if processes == 1 or len(videos) == 1:
        tracker = FaceTracker(model)
        yield from (crop_video(video, out, settings, tracker) for video in videos)
        return
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    pool = concurrent.futures.ProcessPoolExecutor(
        min(processes, len(videos)), context, _start, (out, settings, model, stop)
    )
    with _stopping(pool, stop):
        with signals.starting_processes():
            pending = [pool.submit(_crop, video) for video in videos]
        for future in concurrent.futures.as_completed(pending):
            try:
                yield future.result()
            except concurrent.futures.BrokenExecutor as error:
                raise UserError(
                    "a process that crops was killed (is memory short?); the same command goes "
                    "on, also with fewer --num_processes"
                ) from error


@contextlib.contextmanager
def _stopping(pool: concurrent.futures.Executor, stop: Event) -> Iterator[None]:
    try:
        yield
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)


def _start(out: Path, settings: CropSettings, model: Path, stop: Event) -> None:
    """Prepares a process; Ctrl-C is left to the process that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    cv2.setNumThreads(1)
    _Worker.out, _Worker.settings, _Worker.stop = out, settings, stop
    _Worker.tracker = FaceTracker(model)


def _leave_with_parent() -> None:
    wait([multiprocessing.parent_process().sentinel])
    os._exit(1)


def _crop(video: Video) -> Outcome | None:
    stopped = _Worker.stop.is_set
    return crop_video(video, _Worker.out, _Worker.settings, _Worker.tracker, stopped=stopped)
