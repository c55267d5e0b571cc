"""The frame cache: every frame of a built dataset, decoded once."""
