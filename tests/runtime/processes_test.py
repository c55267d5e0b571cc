import jax
import numpy as np
import pytest

from dfer_jax.errors import UserError
from dfer_jax.runtime import processes


def test_one_process_starts_nothing(monkeypatch):
    monkeypatch.setattr(jax.distributed, "initialize", lambda *_: pytest.fail("initialised"))
    processes.start()
    processes.start(coordinator_address="localhost:1", num_processes=1, process_id=0)
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "1")
    processes.start()


def test_a_launcher_with_several_tasks_is_joined(monkeypatch):
    joined = []
    monkeypatch.setattr(jax.distributed, "initialize", lambda *given, **_: joined.append(given))
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "2")
    processes.start()
    assert joined == [(None, None, None)]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"num_processes": 2}, "all three"),
        ({"coordinator_address": "a:1", "num_processes": 2, "process_id": 2}, r"must be in 0\.\.1"),
    ],
)
def test_wrong_arguments_are_told(given, message):
    with pytest.raises(UserError, match=message):
        processes.start(**given)


def test_processes_that_are_not_found_are_one_sentence(monkeypatch):
    def initialize(*_, **__):
        raise RuntimeError("DEADLINE_EXCEEDED: Barrier timed out.\nand more")

    monkeypatch.setattr(jax.distributed, "initialize", initialize)
    with pytest.raises(UserError, match=r"did not find each other .*timed out"):
        processes.start(coordinator_address="a:1", num_processes=2, process_id=1)


def test_rows_of_all_processes_make_a_batch(monkeypatch):
    monkeypatch.setattr(jax, "process_count", lambda: 3)
    rows = []
    for index in range(3):
        monkeypatch.setattr(jax, "process_index", lambda index=index: index)
        rows += processes.own_rows(12)
    assert rows == list(range(12))


def test_what_processes_gathered_becomes_whole_batches(monkeypatch):
    whole = np.arange(2 * 4 * 3).reshape(2, 4, 3)  # two batches of four rows
    parts = [whole[:, :2], whole[:, 2:]]
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    gathered = lambda _: np.stack(parts)  # noqa: E731
    monkeypatch.setattr(processes.multihost_utils, "process_allgather", gathered)
    np.testing.assert_array_equal(processes.gather_rows(parts[1]), whole)


def test_none_goes_on_where_another_was_refused(monkeypatch):
    with processes.together():
        pass
    with pytest.raises(UserError, match="mine"), processes.together():
        raise UserError("mine")
    monkeypatch.setattr(processes, "gather", lambda failed: [failed, True])
    with pytest.raises(UserError, match="process 1 could not start"), processes.together():
        pass


def test_one_process_stops_at_once():
    stops = processes.StopTogether()
    assert not stops(False)
    assert stops(True)


def test_several_stop_one_step_after_any_was_asked(monkeypatch):
    stops = processes.StopTogether()  # its sum runs over the two devices of this process
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    assert [stops(asked) for asked in (False, True, False, False)] == [False, False, True, False]
