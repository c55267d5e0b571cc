"""Gives a trained network away: a folder with its card, and programs that run without us."""
