"""Processes that read ahead, none of which dies or hangs unnoticed."""
