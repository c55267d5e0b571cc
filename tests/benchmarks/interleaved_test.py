"""Peers take turns in processes of their own, and what goes wrong there is told here."""

import os

import numpy as np
import pytest

from benchmarks.speed import interleaved
from benchmarks.speed.interleaved import Peer
from dfer_jax.errors import UserError

TARGET = "measured_peer:Recorder"


def test_turns_are_reversed_every_other_time(tmp_path):
    path = str(tmp_path / "order")
    with Peer("first", TARGET, ("a", path)) as a, Peer("second", TARGET, ("b", path)) as b:
        seconds = interleaved.measure([a, b], repeats=3)
    with open(path) as file:
        assert file.read() == "abbaab"
    assert list(seconds) == ["first", "second"]
    assert [len(found) for found in seconds.values()] == [3, 3]
    assert seconds["first"][0] < seconds["second"][0] < seconds["second"][1] < seconds["first"][1]


def test_environment_is_the_peers_alone(tmp_path):
    with Peer("it", TARGET, ("a", str(tmp_path)), {"OF_THIS_TEST": "7"}) as peer:
        assert peer.call("variable", "OF_THIS_TEST") == "7"
    assert "OF_THIS_TEST" not in os.environ


def test_failures_are_told_and_do_not_end_the_peer(tmp_path, capfd):
    with Peer("it", TARGET, ("a", str(tmp_path))) as peer:
        with pytest.raises(UserError, match=r"^it failed: choose another$"):
            peer.call("refuse")
        assert "Traceback" not in capfd.readouterr().err
        with pytest.raises(UserError, match=r"^it failed: ValueError: not$"):
            peer.call("fail")
        assert "like this" in capfd.readouterr().err
        assert peer.call("variable", "NOT_SET_ANYWHERE") is None


def test_a_peer_that_dies_is_told():
    with (
        Peer("it", TARGET, ("a", "")) as peer,
        pytest.raises(UserError, match="the process of it died"),
    ):
        peer.call("die")


def test_a_peer_that_cannot_be_made_is_told():
    peer = Peer("it", "measured_peer:Absent")
    with pytest.raises(UserError, match="it failed: AttributeError"), peer:
        pass


def test_percentiles_are_values_that_occurred():
    values = np.random.default_rng(0).permutation(np.arange(1.0, 101.0)).tolist()
    assert [interleaved.percentile(values, p) for p in (0, 1, 50, 95, 100)] == [1, 1, 50, 95, 100]
    assert interleaved.percentile([3.0], 95) == 3


def test_spread():
    assert interleaved.spread([4.0, 1.0, 2.0]) == {"median": 2, "min": 1, "max": 4}
