"""Runs an exported program as a user without dfer_jax would: in a new process of its own."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dfer_jax.errors import UserError
from dfer_jax.runtime.numpy_files import read_npz

_SCRIPT = """
import sys
import numpy as np

program, frames, found = sys.argv[1:]
if program.endswith(".onnx"):
    import onnxruntime

    session = onnxruntime.InferenceSession(program, providers=["CPUExecutionProvider"])
    run = lambda batch: session.run(["probabilities"], {"frames": batch})[0]
else:
    from jax import export

    with open(program, "rb") as file:
        run = export.deserialize(bytearray(file.read())).call
with np.load(frames) as batches:
    np.savez(found, **{name: np.asarray(run(batches[name])) for name in batches.files})
assert "dfer_jax" not in sys.modules
"""
_TIMEOUT_SECONDS = 1800


def probabilities(program: str, batches: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Returns what a program says of some batches, on CPU: float32 [b, k] each.

    Args:
        program: its file.
        batches: of frames, uint8 [b, t, s, s, 3] each.

    Raises:
        UserError: if it does not run.
    """
    names = [f"batch{i}" for i in range(len(batches))]
    with tempfile.TemporaryDirectory() as folder:
        frames, found = Path(folder) / "frames.npz", Path(folder) / "found.npz"
        np.savez(frames, **dict(zip(names, batches, strict=True)))
        done = subprocess.run(
            [
                sys.executable,
                "-I",
                "-c",
                _SCRIPT,
                os.path.abspath(program),
                str(frames),
                str(found),
            ],
            env=os.environ | {"JAX_PLATFORMS": "cpu"},
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["no word"])[-1]
            raise UserError(f"{program} does not run in a process of its own: {said[:300]}")
        arrays = read_npz(found)
        return [arrays[name] for name in names]
