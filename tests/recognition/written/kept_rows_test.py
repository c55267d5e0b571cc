"""Rows on disk: they come back to the last bit, as often as wanted, and leave nothing behind."""

import tracemalloc

from dfer_jax.recognition.rows import NO_FACE, Row
from dfer_jax.recognition.written.kept_rows import KeptRows

FACE = Row(
    3, 1 / 3, 0.1, 7, 9, 2, (1 / 7, 2.0, 3.0, 4.0), "fear", {"fear": 0.1 + 0.2}, 1e-17, {"yaw": 2.0}
)
NOBODY = Row(None, 0.0, 0.5, 10, 11, 0, None, NO_FACE, {}, None)


def test_rows_come_back_to_the_last_bit_as_often_as_wanted(tmp_path):
    kept = KeptRows(tmp_path)
    assert list(kept) == [] and not kept and kept.last_frame == -1
    kept.add(FACE)
    kept.add(NOBODY)
    assert list(kept) == list(kept) == [FACE, NOBODY]
    assert len(kept) == 2 and kept.last_frame == 11
    assert not list(tmp_path.iterdir())


def test_their_number_needs_no_memory(tmp_path):
    kept = KeptRows(tmp_path)
    kept.add(FACE)
    tracemalloc.start()
    for _ in range(2_000):
        kept.add(FACE)
    assert sum(1 for _ in kept) == 2_001
    assert tracemalloc.get_traced_memory()[1] < 100_000
    tracemalloc.stop()
    kept.close()
