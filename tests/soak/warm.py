"""Commands as processes of their own that can be killed, forked from one that has the libraries.

As `tests/warm_commands.py`, for commands that do not run to their end: a process is started with or
without a fault (`injected.py`), signals reach it, and what it prints is read from a file.
"""

import importlib
import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import warm_commands

from dfer_jax import start

OURS = "dfer_jax.clips.task dfer_jax.clips.evaluate_run dfer_jax.training.run dfer_jax.clips.report"


class Starter:
    """The process that forks."""

    def __init__(self, folder, env):
        self._folder, self._count = Path(folder), 0
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=env,
        )

    def start(self, module, arguments, injected=()):
        self._count += 1
        log = self._folder / f"{self._count}.log"
        log.touch()  # it may be killed before it opens it
        pid = self._ask("start", [module, *arguments], list(injected), str(log))
        return Started(pid, log, self._ask)

    def close(self):
        self._process.stdin.close()
        self._process.wait()

    def _ask(self, *question):
        print(json.dumps(question), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())


class Started:
    """A process; attributes as those of `subprocess.Popen`."""

    def __init__(self, pid, log, ask):
        self.pid, self.returncode = pid, None
        self._log, self._ask, self._ended = log, ask, os.pidfd_open(pid)

    def has_ended(self, timeout=0.0):
        """Waits some seconds for the end."""
        if self.returncode is None and select.select([self._ended], [], [], timeout)[0]:
            os.close(self._ended)
            self.returncode = self._ask("reap", self.pid)
        return self.returncode is not None

    def text(self, timeout=600.0):
        """Waits for the end and returns what was printed."""
        if not self.has_ended(timeout):
            os.kill(self.pid, 9)
            self.has_ended(60)
            raise TimeoutError(f"not ended after {timeout} s: {self._log.read_text()}")
        return self._log.read_text(errors="replace")

    def send_signal(self, number):
        if not self.has_ended():
            os.kill(self.pid, number)


def _start(command, injected, log):
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    child = os.fork()
    if not child:
        out = os.open(log, os.O_WRONLY | os.O_CREAT)
        for number, file in enumerate((os.open(os.devnull, os.O_RDONLY), out, out)):
            os.dup2(file, number)
        if injected:
            import injected as faults

            faults.install(*injected[:2], int(injected[2]))
        start.stop_without_traceback()  # as where Python begins
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        os._exit(warm_commands._in_child(command, os.getcwd()))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    return child


def _reap(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints at import is no answer
    for name in [*warm_commands.LIBRARIES.split(), *OURS.split()]:
        importlib.import_module(name)
    asked = {"start": _start, "reap": _reap}
    for line in sys.stdin:
        what, *rest = json.loads(line)
        print(json.dumps(asked[what](*rest)), file=answers, flush=True)
