"""Recognisers of others, run beside ours on the same faces."""
