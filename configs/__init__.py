"""One file per experiment; base.py declares every field."""
