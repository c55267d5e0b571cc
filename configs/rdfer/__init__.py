"""Experiments with RDFER."""
