"""Walks a folder without trusting it: hidden files, links that lead out, what is unreadable."""

import dataclasses
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from dfer_jax.errors import UserError
from dfer_jax.video.decode import SUFFIXES as VIDEO_SUFFIXES

_OF_SYSTEMS = frozenset(
    ("__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "$recycle.bin")
)
_MAX_FOLDERS = 50_000  # besides the leaves; no release has a tenth of it


@dataclasses.dataclass
class Tree:
    """The folder given as `manual_dir`, absolute and without links, and what is wrong in it.

    Attributes:
        root: the folder.
        problems: what is wrong.
        hidden: entries passed over because they are an operating system's own.
    """

    root: Path
    problems: list[str] = dataclasses.field(default_factory=list)
    hidden: int = 0

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
        self.hidden += sum(is_hidden(entry.name) for entry in found)
        yield from (entry for entry in found if not is_hidden(entry.name))

    def walk(
        self, *, max_depth: int, is_leaf: Callable[[Path], bool], release: str
    ) -> Iterator[tuple[Path, bool]]:
        """Yields every file and folder below the root, with whether it is a folder.

        A link to a folder is followed if it stays inside the root, each folder once, and is a
        problem otherwise.

        Args:
            max_depth: how deep folders are entered.
            is_leaf: says of a folder that it is yielded but not entered.
            release: what is looked for, for the message.

        Raises:
            UserError: if there are so many folders that this cannot be the release.
        """
        visited = {self.root}
        stack = [(self.root, 0)]
        while stack:
            folder, depth = stack.pop()
            for entry in self.scan(folder):
                path, is_a_folder = Path(entry.path), is_folder(entry)
                if is_a_folder and self.refuse_escape(path):
                    continue
                yield path, is_a_folder
                if not is_a_folder or depth == max_depth or is_leaf(path):
                    continue
                if (real := path.resolve()) not in visited:
                    visited.add(real)
                    stack.append((path, depth + 1))
            if len(visited) > _MAX_FOLDERS:
                raise UserError(
                    f"{self.root} has more than {_MAX_FOLDERS:,} folders besides clips: pass the "
                    f"folder that holds the {release} release alone as manual_dir"
                )

    def refuse_escape(self, path: Path) -> bool:
        """Returns whether a path is a link out of the root, which is then a problem."""
        if not (path.is_symlink() and escapes(path, self.root)):
            return False
        self.problems.append(
            f"{self.relative(path)}: a link to {os.path.realpath(path)}, outside "
            "manual_dir; put what it leads to there instead"
        )
        return True


def unnested(folder: Path) -> Path:
    """Returns the only folder or video in a folder that holds nothing else, as some tools leave it.

    Else the folder itself; one that cannot be read too.
    """
    try:
        with os.scandir(folder) as entries:
            found = [entry for entry in entries if not is_hidden(entry.name)]
    except OSError:
        return folder
    if len(found) != 1 or found[0].is_symlink():
        return folder
    only = Path(found[0].path)
    return only if found[0].is_dir() or only.suffix.lower() in VIDEO_SUFFIXES else folder


def is_hidden(name: str) -> bool:
    """Whether a name is a program's own (`.DS_Store`, `._00001`, `__MACOSX`, `~$labels.csv`)."""
    return name.startswith((".", "~$")) or name.casefold() in _OF_SYSTEMS


def escapes(path: str | Path, root: Path) -> bool:
    """Whether a symbolic link leads out of `root` (an absolute path without links)."""
    return not Path(os.path.realpath(path)).is_relative_to(root)


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder or a link to one; a link that leads in circles is not."""
    try:
        return entry.is_dir()
    except OSError:
        return False
