"""Runs an iterator in a thread, ahead of whoever reads from it."""

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")
_END = object()


def ahead(items: Iterable[T], *, depth: int) -> Iterator[T]:
    """Yields the items, up to `depth` of which a thread has made before they are asked for.

    Args:
        items: iterated over, and closed, in the thread.
        depth: how many wait at most.

    Raises:
        Exception: what the iterator raised, after the items before it.
    """
    waiting: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue(depth)
    left = threading.Event()

    def work() -> None:
        fault = None
        try:
            for item in items:
                if not _put(waiting, (item, None), left):
                    break
        except BaseException as error:
            fault = error
        finally:
            if close := getattr(items, "close", None):
                close()
            _put(waiting, (_END, fault), left)

    thread = threading.Thread(target=work, name="ahead", daemon=True)
    thread.start()
    try:
        while (got := waiting.get())[0] is not _END:
            yield got[0]
        if got[1] is not None:
            raise got[1]
    finally:
        left.set()
        thread.join()


def _put(waiting: queue.Queue, item: Any, left: threading.Event) -> bool:
    """Waits for room until the reader has left; returns whether there was any."""
    while not left.is_set():
        try:
            waiting.put(item, timeout=0.1)
        except queue.Full:
            continue
        return True
    return False
