"""Videos that were handed in: looked at one after the other, forgotten soon after."""

import contextlib
import dataclasses
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import simplejpeg

from dfer_jax.errors import UserError
from dfer_jax.recognition import predict
from dfer_jax.recognition.recognizer import Recognizer
from dfer_jax.recognition.rows import Row
from dfer_jax.recognition.timeline import Pictures
from dfer_jax.recognition.written import page, results
from dfer_jax.serving.gallery import Gallery
from dfer_jax.video.container import VideoError, promised_frames
from dfer_jax.video.decode import read_frames

UPLOAD, STEM = "video", "result"
FILES = {
    UPLOAD: "application/octet-stream",
    f"{STEM}.csv": "text/csv; charset=utf-8",
    f"{STEM}.json": "application/json",
    f"{STEM}.html": "text/html; charset=utf-8",
}
"""Names of a job's files, and what they are; nothing else is handed out but crops."""


@dataclasses.dataclass(frozen=True)
class Limits:
    """What is taken, and how long it is kept.

    Attributes:
        megabytes: largest upload.
        minutes: longest video; what comes after is not looked at.
        jobs: kept at once, with those that wait; the oldest finished one makes room.
        kept_minutes: after which a finished job is removed.
        silent_seconds: after which an upload of which nothing more comes is given up.
    """

    megabytes: float = 200.0
    minutes: float = 10.0
    jobs: int = 8
    kept_minutes: float = 60.0
    silent_seconds: float = 30.0


@dataclasses.dataclass
class Job:
    """One video handed in; written to by the thread that looks at it.

    Attributes:
        id: unguessable.
        name: what the sender calls it; shown, never a path.
        folder: of its files.
        state: "waiting", "working", "done" or "failed".
        frames: looked at so far.
        promised: by the container; 0 if unknown.
        rows: found so far.
        fault: why it ended early, or failed.
        crops: faces of which there is a picture.
        ended: when, by the monotonic clock.
    """

    id: str
    name: str
    folder: Path
    state: str = "waiting"
    frames: int = 0
    promised: int = 0
    rows: int = 0
    fault: str = ""
    crops: tuple[int, ...] = ()
    ended: float = 0.0
    dropped: bool = False

    def as_json(self) -> dict[str, Any]:
        """Returns what a page is told of it."""
        names = ("id", "name", "state", "frames", "promised", "rows", "fault", "crops")
        return {name: getattr(self, name) for name in names}


class Jobs:
    """All jobs of a server, in a folder of their own that goes with it."""

    def __init__(self, recognizer: Recognizer, options: predict.Options, limits: Limits) -> None:
        """Takes over `options.out`, an empty folder, and removes it at the end."""
        self._recognizer, self._options, self.limits = recognizer, options, limits
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="jobs")

    def get(self, job_id: str) -> Job | None:
        """Returns a job; None if there is no such one (any more)."""
        self._forget_old()
        return self._jobs.get(job_id)

    def new(self, name: str) -> Job:
        """Makes room for a job; its upload may then be written.

        Raises:
            UserError: if too many wait already.
        """
        self._forget_old()
        with self._lock:
            finished = [job for job in self._jobs.values() if job.ended]
            if len(self._jobs) >= self.limits.jobs:
                if not finished:
                    raise UserError("too many videos wait already; try again in a minute")
                self._remove(min(finished, key=lambda job: job.ended))
            job = Job(secrets.token_urlsafe(16), name, Path())
            job.folder = self._options.out / job.id
            job.folder.mkdir(mode=0o700)
            self._jobs[job.id] = job
        return job

    def start(self, job: Job) -> Future[None]:
        """Lets a job whose upload is complete wait for its turn."""
        return self._thread.submit(self._work, job)

    def drop(self, job: Job) -> None:
        """Removes a job and its files; one at work stops at its next frame."""
        with self._lock:
            self._remove(job)

    def close(self) -> None:
        """Stops, and removes everything."""
        for job in list(self._jobs.values()):
            self.drop(job)
        self._thread.shutdown(cancel_futures=True)
        shutil.rmtree(self._options.out, ignore_errors=True)

    def _remove(self, job: Job) -> None:
        job.dropped = True
        self._jobs.pop(job.id, None)
        shutil.rmtree(job.folder, ignore_errors=True)

    def _forget_old(self) -> None:
        oldest = time.monotonic() - 60 * self.limits.kept_minutes
        with self._lock:
            for job in [j for j in self._jobs.values() if j.ended and j.ended < oldest]:
                self._remove(job)

    def _work(self, job: Job) -> None:
        if job.dropped:
            return
        job.state = "working"
        try:
            self._look(job)
            job.state = "done"
        except (VideoError, UserError) as error:
            job.state, job.fault = "failed", str(error)
        except OSError as error:
            job.state, job.fault = "failed", f"no room for the results ({error.strerror})"
        except Exception as error:  # the server goes on
            job.state, job.fault = "failed", f"{type(error).__name__}: {error}"
        finally:
            job.ended = time.monotonic()
            if job.dropped or job.state == "failed":  # nothing to show
                shutil.rmtree(job.folder, ignore_errors=True)

    def _look(self, job: Job) -> None:
        options, upload = self._options, job.folder / UPLOAD
        with contextlib.suppress(VideoError):
            job.promised = promised_frames(upload)
        gallery = Gallery(
            self._recognizer.finder(
                is_cropped=options.is_cropped,
                face_model=options.face_model,
                least=options.least,
            )
        )
        rows = self._recognizer.rows(
            self._watched(job, read_frames(upload)),
            gallery,
            window=options.window,
            stride=options.stride,
        )
        with results.write_results(
            _counted(job, rows),
            job.folder / STEM,
            video=job.name,
            classes=self._recognizer.classes,
            about=lambda: predict.about(
                job.name, self._recognizer, options, left_out=gallery.left_out
            ),
        ) as written:
            if written.fault is not None:
                if not written.rows:
                    raise written.fault
                job.fault = str(written.fault)
            for face, crop in gallery.crops.items():
                (job.folder / f"face_{face}.jpg").write_bytes(simplejpeg.encode_jpeg(crop, 92))
            job.crops = tuple(sorted(gallery.crops))
            path = job.folder / f"{STEM}.html"
            page.write_page(path, written.rows, written.summary, video=upload)

    def _watched(self, job: Job, pictures: Pictures) -> Pictures:
        for index, seconds, picture in pictures:
            if job.dropped:
                raise UserError("it was removed")
            if seconds > 60 * self.limits.minutes:
                raise UserError(
                    f"longer than {self.limits.minutes:g} minutes; the rest was left out"
                )
            job.frames = index + 1
            yield index, seconds, picture


def _counted(job: Job, rows: Iterator[Row]) -> Iterator[Row]:
    for row in rows:
        job.rows += 1
        yield row


@contextlib.contextmanager
def receiving(job: Job, limits: Limits) -> Iterator[Callable[[bytes], None]]:
    """Yields what writes the next part of a job's upload.

    Raises (when called):
        UserError: if it becomes too large.
    """
    size = 0

    def write(part: bytes) -> None:
        nonlocal size
        size += len(part)
        if size > limits.megabytes * 1e6:
            raise UserError(f"larger than {limits.megabytes:g} MB; cut it, or raise --max_mb")
        file.write(part)

    with open(job.folder / UPLOAD, "wb", opener=_private) as file:
        yield write


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
