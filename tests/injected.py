"""Runs a module of ours with a fault at a chosen step or file; for tests only.

    python tests/injected.py FAULT WHERE NUMBER MODULE [ARGUMENTS ...]

FAULT is kill, raise, slow, or an error of the system such as ENOSPC or EIO. WHERE is a regular
expression that is searched in what the process does, as "write PATH", "read PATH",
"rename PATH TO PATH", "remove PATH", "mkdir PATH", "step N"; NUMBER says the how many-th that
matches has the fault, from 1; 0: each.
"""

import errno
import os
import re
import runpy
import signal
import sys
import time

_CHANGES = {"os.rename": "rename", "os.mkdir": "mkdir"}
_CHANGES |= dict.fromkeys(("os.remove", "os.rmdir", "shutil.rmtree"), "remove")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND


def install(fault, where, number):
    """Lets whatever matches meet the fault from now on."""
    seen, pattern = [], re.compile(where)

    def meet(what, path):
        if not pattern.search(what):
            return
        seen.append(what)
        if number and len(seen) != number:
            return
        os.write(2, f"injected {fault} at {what}\n".encode())
        if fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif fault == "slow":
            time.sleep(3)
        elif fault == "raise":
            raise RuntimeError(f"injected at {what}")
        else:
            code = getattr(errno, fault)
            raise OSError(code, os.strerror(code), path)

    def hook(event, args):
        if event == "open" and isinstance(args[0], str | bytes):
            path, mode, flags = os.fsdecode(args[0]), args[1] or "", args[2] or 0
            writing = any(letter in mode for letter in "wax+") or flags & _WRITING
            meet(f"{'write' if writing else 'read'} {path}", path)
        elif event in _CHANGES and isinstance(args[0], str | bytes | os.PathLike):
            path = os.fsdecode(args[0])
            to = f" TO {os.fsdecode(args[1])}" if event == "os.rename" else ""
            meet(f"{_CHANGES[event]} {path}{to}", path)

    sys.addaudithook(hook)
    _watch_steps(meet)


def _watch_steps(meet):
    import tqdm

    update = tqdm.tqdm.update

    def counted(bar, n=1):
        result = update(bar, n)
        if bar.unit == "step":
            meet(f"step {bar.n}", None)
        return result

    tqdm.tqdm.update = counted


if __name__ == "__main__":
    fault, where, number, module, *arguments = sys.argv[1:]
    sys.argv = [module, *arguments]
    sys.path.insert(0, os.getcwd())  # as python -m has it
    install(fault, where, int(number))
    runpy.run_module(module, run_name="__main__", alter_sys=True)
