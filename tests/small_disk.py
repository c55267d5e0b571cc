"""A real disk of a few MB that fills up."""

import contextlib
import os
import subprocess

import pytest


@contextlib.contextmanager
def mounted(where, size):
    """Mounts an empty disk, of a size as "1400k"; skips the test of a user who may not."""
    os.makedirs(where, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(where)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this user may not mount a small disk")
    try:
        yield where
    finally:
        subprocess.run(["umount", "-l", str(where)], check=True)


@contextlib.contextmanager
def read_only(folder):
    """Makes a folder read-only, for root too; skips the test of a user who may not."""
    try:
        subprocess.run(["mount", "--bind", folder, folder], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this user may not mount a folder")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def resize(where, size):
    """Makes the disk larger or smaller."""
    subprocess.run(["mount", "-o", f"remount,size={size}", str(where)], check=True)


def fill(where):
    """Leaves no byte free; returns the file that takes all room."""
    path = os.path.join(where, "filler")
    with open(path, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    return path
