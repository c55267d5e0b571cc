"""Weights of published releases, read into the trees of our models."""
