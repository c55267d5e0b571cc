"""Both sides do the same work, disagreement is found, and the figures add up."""

import contextlib
import dataclasses
import importlib.util
import os
import time

import jax
import numpy as np
import pytest

from benchmarks.speed import every_network, network_speed, network_work, speed_table
from benchmarks.speed.interleaved import Peer
from benchmarks.speed.network_speed import COMPILED, EAGER, OURS
from benchmarks.speed.network_work import Work
from dfer_jax.errors import UserError

CACHE = {
    "JAX_COMPILATION_CACHE_DIR": os.path.join(os.getcwd(), ".pytest_cache", "xla"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.5",
}
WORK = Work("train", "cpu", 2, 4, 32, 4, "float32", "")
READY = {
    OURS: {"compile_s": 9.0, "first_call_s": 9.5, "losses": [2.0, 1.5], "peak_bytes": 2**30},
    EAGER: {"first_call_s": 0.5, "losses": [2.0, 1.5], "peak_bytes": 2**29},
    COMPILED: {"first_call_s": 30.0, "losses": [2.0, 1.5], "peak_bytes": 2**31},
}
READY[OURS]["flops_per_clip"] = 1e9
SECONDS = {OURS: [[0.5], [0.4], [0.9]], EAGER: [[1.0], [1.2], [1.1]], COMPILED: [[0.8]] * 3}


class Told:
    """A peer that answers from a dict."""

    def __init__(self, **answers):
        self.answers = answers

    def call(self, method):
        return self.answers[method]


@contextlib.contextmanager
def networks(work, folder):
    """Gives our and PyTorch's side with the same weights, outside this process's type checks."""
    pytest.importorskip("torch")
    work = dataclasses.replace(work, weights=str(folder / "weights.npz"))
    theirs = Peer(EAGER, "benchmarks.speed.pytorch.network_torch:Network", (work, None, False))
    with theirs:
        theirs.call("save_weights")
        theirs.call("load_weights")
        with Peer(OURS, "benchmarks.speed.network_jax:Network", (work,), CACHE) as ours:
            yield ours, theirs


def test_training_is_the_same_before_and_after_a_step(tmp_path):
    with networks(WORK, tmp_path) as (ours, theirs):
        agreement = network_speed.check_same_network(ours, theirs)
        assert agreement["parameters"] == 28883
        assert agreement["largest_logit"] > 0.1 and agreement["logits_apart"] < 1e-5
        ready = {peer.name: peer.call("prepare") for peer in (ours, theirs)}
        network_speed.check_same_losses(ready, "float32")
        first, second = ready[EAGER]["losses"]
        assert abs(first - second) > 5e-3 * first  # a step that did nothing would be noticed
        assert 0 < ready[OURS]["compile_s"] < ready[OURS]["first_call_s"]
        assert ready[OURS]["flops_per_clip"] > 3e6
        assert theirs.call("tune_threads") >= 1
        for peer in (ours, theirs):
            (seconds,) = peer.call("measure")
            assert 0 < seconds < ready[peer.name]["first_call_s"]
            assert peer.call("peak_bytes") > 2**26


@pytest.mark.parametrize(("dtype", "atol"), [("float32", 1e-5), ("bfloat16", 0.03)])
def test_evaluation_steps_agree(dtype, atol, tmp_path):
    torch = pytest.importorskip("torch")
    from benchmarks.speed import network_jax
    from benchmarks.speed.pytorch import network_torch

    work = Work("eval", "cpu", 2, 4, 32, 4, dtype, str(tmp_path / "weights.npz"))
    theirs = network_torch.Network(work, torch.get_num_threads(), False)
    theirs.save_weights()
    ours = network_jax.Network(work)
    assert ours.prepare()["losses"] == theirs.prepare()["losses"] == []
    sums, per_clip = jax.device_get(ours._last)
    loss, cells, probabilities, features = (x.numpy() for x in theirs._last)
    np.testing.assert_allclose(sums["loss"], loss, atol=10 * atol)
    np.testing.assert_array_equal(np.ravel(sums["confusion"]), cells)
    np.testing.assert_allclose(per_clip["probabilities"], probabilities, atol=atol)
    np.testing.assert_allclose(per_clip["features"], features, atol=1e-2 + 10 * atol)


def test_pytorch_trains_in_bfloat16(tmp_path):
    torch = pytest.importorskip("torch")
    from benchmarks.speed.pytorch import network_torch

    losses = {}
    for dtype in ("float32", "bfloat16"):
        work = dataclasses.replace(WORK, dtype=dtype, weights=str(tmp_path / "weights.npz"))
        network = network_torch.Network(work, torch.get_num_threads(), False)
        losses[dtype] = network.prepare()["losses"][0]
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=5e-2)
    assert losses["bfloat16"] != pytest.approx(losses["float32"], rel=1e-6)


def test_latency_in_processes_of_their_own():
    pytest.importorskip("torch")
    work = dataclasses.replace(WORK, task="latency", batch=1)
    figures = network_speed.compare(work, repeats=2, torch_compile=False)
    assert set(figures["rows"]) == {OURS, EAGER}
    for row in figures["rows"].values():
        assert row["calls"] == 40 and 0 < row["p50_s"] <= row["p95_s"]
        assert 0 < row["share_of_peak"] < 1 and row["peak_bytes"] > 2**26
    assert figures["machine"]["jax"] == jax.__version__ and figures["machine"]["torch"]
    lines = [*speed_table.heading(figures), *speed_table.rows(figures)]
    assert sum("PyTorch" in line for line in lines) == 3 and "p95 ms" in "\n".join(lines)


def test_other_logits_or_parameters_are_refused():
    logits = np.array([[1.0, -2.0, 0.5]])
    same = Told(about={"parameters": 5}, logits=logits)
    more = Told(about={"parameters": 6}, logits=logits)
    apart = Told(about={"parameters": 5}, logits=logits + 0.0021)
    undefined = Told(about={"parameters": 5}, logits=logits * np.nan)
    network_speed.check_same_network(same, Told(about={"parameters": 5}, logits=logits + 0.0019))
    for other in (more, apart, undefined):
        with pytest.raises(UserError, match="the networks differ"):
            network_speed.check_same_network(other, same)


@pytest.mark.parametrize(
    ("losses", "dtype"),
    [
        ([2.01, 1.5], "float32"),
        ([2.0, 1.51], "float32"),
        ([float("nan"), 1.5], "float32"),
        ([2.2, 1.5], "bfloat16"),
    ],
)
def test_other_losses_are_refused(losses, dtype):
    network_speed.check_same_losses(READY, dtype)
    ready = {**READY, COMPILED: {**READY[COMPILED], "losses": losses}}
    with pytest.raises(UserError, match=r"the loss of PyTorch, torch\.compile is"):
        network_speed.check_same_losses(ready, dtype)


def test_figures_of_rows():
    found = network_speed.tabulate(WORK, SECONDS, READY, flops_per_s_at_best=16e9)
    ours = found["rows"][OURS]
    assert (ours["median_s"], ours["min_s"], ours["max_s"]) == (0.5, 0.4, 0.9)
    assert ours["clips_per_s"] == 4 and ours["flops_per_s"] == 4e9 and ours["share_of_peak"] == 0.25
    times = found["ours_times_as_fast"]
    assert times == {OURS: 1, EAGER: pytest.approx(2.2), COMPILED: pytest.approx(1.6)}


def test_latency_tails_are_over_all_calls():
    work = dataclasses.replace(WORK, task="latency", batch=1)
    found = network_speed.rates(work, [[0.1, 0.2, 0.3], [0.2, 0.2, 9.0]])
    assert (found["median_s"], found["p50_s"], found["p95_s"]) == (0.2, 0.2, 9.0)
    assert found["calls"] == 6 and found["clips_per_s"] == 5


def test_projection_of_dfew():
    train = {"rows": {OURS: {"clips_per_s": 2500.0}}}
    evaluation = {"rows": {OURS: {"clips_per_s": 7798.0}}}
    found = speed_table.projection(train, evaluation)
    assert found["train_hours"] == pytest.approx(5 * 80 * 11697 * 4 / 5 / 2500 / 3600)
    assert found["eval_hours"] == pytest.approx(5 * 80 * 11697 / 5 / 7798 / 3600)
    assert "25.0 min of training and 2.0 min of evaluation" in speed_table.project(found)


def test_steps_make_up_the_time_asked_for():
    steps = []

    def step():
        steps.append(time.sleep(0.02))

    took = network_work.seconds_per_step(step, lambda: None, shortest_s=0.1)
    assert 0.02 <= took < 0.1 and 3 <= len(steps) <= 6
    steps.clear()
    took = network_work.seconds_per_step(step, lambda: None, shortest_s=0.01)
    assert took >= 0.02 and len(steps) == 1  # long enough: none goes before


def test_networks_by_name_one_after_the_other(tmp_path):
    pytest.importorskip("torch")
    names = ["hara_resnet18_a", "none_such"]
    with pytest.raises(UserError, match="--networks: none_such unknown; choose from gca_ial, r3d"):
        next(every_network.compare(names, each=1, programs=tmp_path))


def test_pytorch_must_be_there(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="needs PyTorch"):
        network_speed.find_device()


def test_libraries_that_overwrite_each_other_are_refused(monkeypatch, tmp_path):
    for package in ("nvidia_cudnn_cu12", "nvidia_cudnn_cu13"):
        facts = tmp_path / f"{package}-9.1.dist-info" / "METADATA"
        facts.parent.mkdir()
        facts.write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 9.1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(network_speed, "_ask", lambda code: "cpu")
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    with pytest.raises(UserError, match="cu12 and nvidia-cudnn-cu13 are both installed"):
        network_speed.find_device()
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    assert network_speed.find_device() == "cpu"


@pytest.mark.parametrize(
    ("ours", "theirs", "said"),
    [
        ("tpu", "cpu", "JAX runs on tpu"),
        ("gpu", "cpu", "PyTorch does not"),
        ("cpu", "gpu", "JAX does not"),
    ],
)
def test_both_must_find_the_same_device(ours, theirs, said, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(network_speed, "_ask", lambda code: ours if "jax" in code else theirs)
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    with pytest.raises(UserError, match=said):
        network_speed.find_device()
