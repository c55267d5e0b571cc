"""Aff-Wild2: expression and action units of every frame of about 560 videos in the wild."""
