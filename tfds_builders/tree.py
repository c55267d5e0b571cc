"""Walks a folder without trusting it: hidden files, links that lead out, what is unreadable."""

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path


@dataclasses.dataclass
class Tree:
    """The folder given as `manual_dir`, absolute and without links, and what is wrong in it."""

    root: Path
    problems: list[str] = dataclasses.field(default_factory=list)

    def relative(self, path: Path) -> str:
        """Returns `path` as the user sees it inside the root."""
        return str(path.relative_to(self.root))

    def scan(self, folder: Path) -> Iterator[os.DirEntry[str]]:
        """Yields a folder's entries by name, without hidden ones; failure is a problem."""
        try:
            with os.scandir(folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            self.problems.append(f"{self.relative(folder)}: cannot be read ({error.strerror})")
            return
        yield from (entry for entry in found if not is_hidden(entry.name))

    def refuse_escape(self, path: Path) -> bool:
        """Returns whether a path is a link out of the root, which is then a problem."""
        if not (path.is_symlink() and escapes(path, self.root)):
            return False
        self.problems.append(
            f"{self.relative(path)}: a link to {os.path.realpath(path)}, outside "
            "manual_dir; put what it leads to there instead"
        )
        return True


def is_hidden(name: str) -> bool:
    """Whether a name is an operating system's own (`.DS_Store`, `._00001`, `__MACOSX`)."""
    return name.startswith(".") or name in ("__MACOSX", "Thumbs.db", "desktop.ini")


def escapes(path: str | Path, root: Path) -> bool:
    """Whether a symbolic link leads out of `root` (an absolute path without links)."""
    return not Path(os.path.realpath(path)).is_relative_to(root)


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder or a link to one; a link that leads in circles is not."""
    try:
        return entry.is_dir()
    except OSError:
        return False
