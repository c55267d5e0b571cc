"""The yardstick is a rate that was reached."""

import pytest

from benchmarks.speed import device_peak

TINY = {"side": 64, "numbers": 2**12}


def test_best_rate_is_of_the_fastest_run(monkeypatch):
    clock = [0.0]
    durations = iter([9.0, 5.0, 2.0, 4.0, 0.1])  # the first run warms up, the last is too late

    def run():
        clock[0] += next(durations)

    monkeypatch.setattr(device_peak.time, "perf_counter", lambda: clock[0])
    assert device_peak.best_rate(run, 10.0, seconds=10.5) == 5
    assert next(durations) == 0.1


@pytest.mark.parametrize("peak", [device_peak.by_jax, device_peak.by_torch])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_rates(peak, dtype, monkeypatch):
    if peak is device_peak.by_torch:
        pytest.importorskip("torch")
    monkeypatch.setattr(device_peak.best_rate, "__kwdefaults__", {"seconds": 0.01})
    found = peak("cpu", dtype, **TINY)
    assert set(found) == {"flops_per_s", "bytes_per_s"}
    assert all(1e5 < value < 1e15 for value in found.values())
