"""Rendered dynamic facial expressions with ground truth; see README.md beside this file."""
