"""Runs trainings one after the other, each in a process of its own; stops and resumes cleanly.

A process of its own, started with the command a person would type, gives all memory of host and
accelerator back before the next run, and a crash of one run is told and costs no other. Stopping
the parent (Ctrl-C, SIGTERM, a closed terminal) asks the child once to save. Killing the parent
outright leaves the child at work; the next parent asks it to save and goes on from there.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

from dfer_jax import signals
from dfer_jax.errors import StoppedError, UserError
from dfer_jax.runs import workdir_lock
from dfer_jax.runtime import file_lock


@contextlib.contextmanager
def only_one(directory: str) -> Iterator[TextIO]:
    """Makes this process the only one at work in `directory`; yields a file children keep open.

    Raises:
        UserError: if another process is at work there, which is named, or nothing can be written.
    """
    try:
        os.makedirs(directory, exist_ok=True)
        with (
            workdir_lock.only_one(directory),
            open(os.path.join(directory, "run.lock"), "a+", encoding="utf-8") as run,
        ):
            _take_over(run)
            yield run
    except (PermissionError, NotADirectoryError, FileExistsError) as error:
        raise UserError(
            f"{directory} cannot be written ({error.strerror}); choose another --workdir"
        ) from error


def run_to_end(command: Sequence[str], *, lock: TextIO) -> int:
    """Runs a command to its end and returns its exit code, negative for the signal it died of.

    Args:
        command: program and arguments; its output goes where this process's goes.
        lock: of `only_one`; held by the child for as long as it lives.

    Raises:
        StoppedError: when this process was asked to stop and the child has ended.
    """
    lock.truncate(0)
    with _Forwarding() as requests:
        # In a session of its own, so that Ctrl-C in a terminal reaches it once, through us.
        child = subprocess.Popen(command, pass_fds=[lock.fileno()], start_new_session=True)
        lock.write(str(child.pid))
        lock.flush()
        requests.child = child
        requests.pass_on()  # what came before the child was there
        code = child.wait()
    if requests.received:
        raise StoppedError("stopped; run the same command again to go on", requests.number)
    return code


def reason(code: int) -> str:
    """Returns in words why a process ended with a code that is not 0."""
    if code == -signal.SIGKILL:
        return "was killed (SIGKILL), most often because memory ran out"
    if code < 0:
        return f"died of {signal.Signals(-code).name}"
    return "ended with the error above" if code in (1, 2) else f"crashed with exit code {code}"


class _Forwarding:
    """While it lasts, requests to stop this process are passed on to its child as SIGTERM."""

    def __init__(self) -> None:
        self.child: subprocess.Popen | None = None
        self.received = self._passed_on = 0
        self._count = signals.Count()
        self.number = int(signal.SIGTERM)
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "_Forwarding":
        self._heard_by = signal.set_wakeup_fd(-1)  # a second request is the child's too
        for number in signals.NUMBERS:
            if signal.getsignal(number) != signal.SIG_IGN:  # as nohup has it
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._heard_by)
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def pass_on(self) -> None:
        """Sends the child what it has not been sent; a second request makes it stop unsaved."""
        if self.child is not None and self._passed_on < self.received:
            self._passed_on = self.received
            self.child.send_signal(signal.SIGTERM)

    def _note(self, number: int, _: object) -> None:
        if not self.received:
            self.number = number
        self.received = self._count.add(number)
        self.pass_on()


def _take_over(run: TextIO) -> None:
    """Waits for a run left over from a killed parent, after asking it to save and stop."""
    if file_lock.take(run):
        return
    run.seek(0)
    written = run.read().strip()
    print(f"a run of an earlier command is still at work (process {written or 'unknown'}): it is")
    print("asked to save and stop, and is then continued", flush=True)
    if written:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(written), signal.SIGTERM)
    file_lock.wait_for(run)
