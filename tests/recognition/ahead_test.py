"""An iterator that a thread runs ahead of its reader."""

import threading

import pytest

from dfer_jax.recognition.ahead import ahead


def test_items_come_in_order_and_not_too_far_ahead():
    made = []

    def items():
        for k in range(50):
            made.append(k)
            yield k

    for k in ahead(items(), depth=4):
        assert len(made) <= k + 7, "memory is bounded"
        if k == 49:
            break
    assert made == list(range(50))


def test_a_fault_comes_after_the_items_before_it():
    def items():
        yield from range(3)
        raise ValueError("damaged")

    found = []
    with pytest.raises(ValueError, match="damaged"):
        for item in ahead(items(), depth=8):
            found.append(item)
    assert found == [0, 1, 2]


def test_a_reader_that_leaves_ends_the_thread_and_closes_the_iterator():
    closed = threading.Event()

    def items():
        try:
            while True:
                yield 0
        finally:
            closed.set()

    stream = ahead(items(), depth=2)
    next(stream)
    stream.close()
    assert closed.is_set()
    assert not [t for t in threading.enumerate() if t.name == "ahead"]
