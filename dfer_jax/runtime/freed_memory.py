"""Gives large freed blocks back at once, so that memory does not grow while a process works."""

import ctypes
import os

_MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD of malloc.h
_LARGE = 1 << 20  # bytes


def give_back_at_once() -> bool:
    """Has glibc give back every freed block from a megabyte on; returns whether it does.

    By itself it keeps ever larger ones for reuse, among which the memory of several threads breaks
    into pieces, for some minutes. What the user set in the environment stays.
    """
    if "MALLOC_MMAP_THRESHOLD_" in os.environ:
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # not on other systems than Linux
    return bool(mallopt and mallopt(_MMAP_THRESHOLD, _LARGE))
