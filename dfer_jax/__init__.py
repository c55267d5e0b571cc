"""Dynamic facial expression recognition in JAX/Flax."""

from typing import Any

from dfer_jax import start

__version__ = "0.2.0"

if start.is_command_of_ours():
    start.stop_without_traceback()


def __getattr__(name: str) -> Any:
    """Returns `Recognizer` or `load`, which bring JAX along, only when somebody asks for them."""
    if name == "Recognizer":
        from dfer_jax.recognition.recognizer import Recognizer

        return Recognizer
    if name == "load":
        from dfer_jax.recognition.pretrained import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
