"""Cuts the faces out of raw videos: folders of frames that a builder takes, and what was found."""
