"""Rows kept on disk while a video is looked at: memory does not grow with its length."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dfer_jax.recognition.rows import Row


class KeptRows:
    """Rows in a nameless file, gone with this object or the process; read as often as wanted.

    Attributes:
        last_frame: highest number of a frame in any row; -1 without rows.
    """

    def __init__(self, folder: Path) -> None:
        """Opens the file.

        Args:
            folder: on the disk that has room for the results.

        Raises:
            OSError: if it cannot be opened.
        """
        self._file = tempfile.TemporaryFile("w+", dir=folder, encoding="utf-8")  # noqa: SIM115
        self._count, self.last_frame = 0, -1

    def add(self, row: Row) -> None:
        """Keeps one more row.

        Raises:
            OSError: if there is no room.
        """
        values = [getattr(row, name) for name in Row.__dataclass_fields__]
        self._file.write(json.dumps(values) + "\n")
        self._count += 1
        self.last_frame = max(self.last_frame, row.last_frame)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Row]:
        """Yields the rows as they came, to the last bit; one reader at a time."""
        self._file.seek(0)
        for line in self._file:
            values = dict(zip(Row.__dataclass_fields__, json.loads(line), strict=True))
            if values["box"] is not None:
                values["box"] = tuple(values["box"])
            yield Row(**values)

    def close(self) -> None:
        """Lets go of the rows."""
        self._file.close()
