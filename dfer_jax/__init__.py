"""Dynamic facial expression recognition in JAX/Flax."""

from typing import Any

__version__ = "0.2.0"


def __getattr__(name: str) -> Any:
    """Returns `Recognizer`, which brings JAX along, only when somebody asks for it."""
    if name == "Recognizer":
        from dfer_jax.recognition.recognizer import Recognizer

        return Recognizer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
