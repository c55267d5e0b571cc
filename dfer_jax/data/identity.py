"""Which data a run is trained on: known at once if its contents were kept, else read meanwhile."""

import contextlib
import threading

from dfer_jax.data.contents import Contents, contents_of, kept_contents
from dfer_jax.data.records import open_built
from dfer_jax.data.source import newest_version
from dfer_jax.errors import UserError
from dfer_jax.runtime import processes

_PATIENCE_SECONDS = 5.0


class Identity:
    """The checksums of a built data set; a context manager, in which they are looked for.

    A data set of 4.4 GB that nothing is known of is read in a thread of the first process, in some
    10 s of processor time, while the run begins; the next run finds what was kept.
    """

    def __init__(self, dataset: str, data_dir: str) -> None:
        """Takes the names of `source.open_split`; UserError if it is not built there."""
        self._builder = open_built(newest_version(dataset, data_dir))
        self._known: dict[str, str] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> "Identity":
        with contextlib.suppress(OSError, UserError):  # of a missing file, of which the run tells
            if (kept := kept_contents(self._builder)) is not None:
                self._know(kept)
            elif processes.is_first():
                self._thread = threading.Thread(target=self._look, daemon=True)
                self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_PATIENCE_SECONDS)  # one record, unless the disk stands still

    @property
    def known(self) -> dict[str, dict[str, str]]:
        """What checkpoints say of the data: `contents` with two checksums; nothing before."""
        return {"contents": self._known} if self._known else {}

    def read(self) -> dict[str, str]:
        """Returns the checksums of `frames` and `labels`, read if they are not known."""
        if not self._known:
            self._know(contents_of(self._builder))
        return self._known

    def _look(self) -> None:
        with contextlib.suppress(Exception):  # of a damaged record, which the run will come upon
            self._know(contents_of(self._builder, stop=self._stop))

    def _know(self, contents: Contents) -> None:
        self._known = {"frames": contents.frames, "labels": contents.labels}


def read_if_there(dataset: str, data_dir: str) -> dict[str, str] | None:
    """Returns the checksums of a data set's `frames` and `labels`; None if it cannot be read."""
    with contextlib.suppress(UserError):  # gone or damaged, of which whoever needs it tells
        return Identity(dataset, data_dir).read()
    return None
