"""Dynamic facial expression recognition in JAX/Flax."""

__version__ = "0.2.0"
