"""Writes small trees shaped like releases, every frame saying in pixels which it is."""
