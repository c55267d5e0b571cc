"""What tells one file from another: its state, which is quick to ask for, and its content."""

import hashlib
import os


def state_of(path: str | os.PathLike[str]) -> tuple[int, ...]:
    """Returns what changes whenever a file is written, replaced or copied; OSError if gone."""
    facts = os.stat(path)
    return (facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino)


def sha256(path: str | os.PathLike[str]) -> str:
    """Returns the checksum of a file, in hexadecimal digits; OSError if it cannot be read."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
