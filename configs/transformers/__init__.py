"""Experiments with networks that join frames by attention."""
