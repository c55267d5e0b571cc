"""Experiments with 3D convolutional networks."""
