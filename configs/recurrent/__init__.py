"""Experiments with a network on every frame, and mostly a recurrent one over the frames."""
