"""Requests to stop that a loop notes and heeds between two steps."""

import os
import signal

import pytest

from dfer_jax import signals
from dfer_jax.runtime.stop_request import StopRequest


def _send(*numbers):
    for number in numbers:
        os.kill(os.getpid(), number)


@pytest.mark.parametrize(
    ("numbers", "code"),
    [
        ([signal.SIGTERM], 143),
        ([signal.SIGHUP], 129),
        ([signal.SIGTERM, signal.SIGHUP, signal.SIGHUP], 143),
        ([signal.SIGHUP, signal.SIGHUP, signal.SIGTERM], 129),
    ],
)
def test_a_closed_terminal_counts_for_no_second_request(monkeypatch, numbers, code):
    monkeypatch.setattr(signals, "ONE_REQUEST", 0.0)
    with StopRequest() as stop:
        assert not stop.requested
        _send(*numbers)
        assert stop.requested and stop.stopped("saved").exit_code == code


def test_what_comes_at_once_is_one_request():
    with StopRequest() as stop:
        _send(signal.SIGTERM, signal.SIGTERM, signal.SIGINT)
    assert stop.requested and stop.stopped("saved").exit_code == 143


def test_the_second_request_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(signals, "ONE_REQUEST", 0.0)
    with StopRequest(), pytest.raises(signals.StopError):
        _send(signal.SIGINT, signal.SIGTERM)
