"""Command lines run as processes of their own that need not import the libraries again.

`run` has one process import them once and fork for each command line: flags, signals, exit code and
what is printed are those of a fresh start. There is one device.
"""

import importlib
import json
import os
import runpy
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

import xla_flags

LIBRARIES = (
    "av cv2 flax.linen jaxtyping matplotlib.pyplot ml_collections.config_flags optax "
    "orbax.checkpoint scipy.optimize simplejpeg sklearn.metrics tensorflow_datasets"
)


class Commands:
    """The process that forks; it ends with the tests."""

    def __init__(self):
        path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path, "XLA_FLAGS": xla_flags.of_devices(1)},
        )

    def run(self, module, *words, cwd=None):
        """Runs `python -m module words...` and returns how it ended and what it printed."""
        command = [module, *map(str, words)]
        print(json.dumps([command, str(cwd or os.getcwd())]), file=self.process.stdin, flush=True)
        code, out, err = json.loads(self.process.stdout.readline())
        return subprocess.CompletedProcess(command, code, out, err)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def _answer(command, cwd):
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        child = os.fork()
        if not child:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            os._exit(_in_child(command, cwd))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        out.seek(0)
        err.seek(0)
        return [code, out.read(), err.read()]


def _in_child(command, cwd):
    os.chdir(cwd)
    sys.argv = list(command)
    code = 0
    try:
        runpy.run_module(command[0], run_name="__main__", alter_sys=True)
    except SystemExit as stopped:
        code = stopped.code or 0
    except BaseException:
        traceback.print_exc()
        code = 1
    if not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints at import is no answer
    for library in LIBRARIES.split():
        importlib.import_module(library)
    for line in sys.stdin:
        print(json.dumps(_answer(*json.loads(line))), file=answers, flush=True)
