"""Builds of a frame cache that are killed, interrupted and continued, with real processes."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from frame_caches import NUM_FRAMES, assert_whole, cached, place_in

from dfer_jax.data.frame_cache import build as frame_build
from dfer_jax.data.frame_cache import store as frame_store
from dfer_jax.errors import UserError

_SLOW_BUILD = """
import os, sys, time
from dfer_jax.data.frame_cache import build as frame_build, parts as frame_parts, plan as frame_plan
from dfer_jax.data.frame_cache.store import Place

log, data_dir, cache_dir = sys.argv[1:]
frame_plan.PART_BYTES = 20 * 24 * 24 * 3
decode_frames = frame_parts.decode_frames

def slowly(frames, indices, *, size, clip):  # in the decoding processes too, which run this file
    with open(log, "a") as file:
        file.write(f"{os.getpid()} {clip}\\n")
    time.sleep(0.02)
    return decode_frames(frames, indices, size=size, clip=clip)

frame_parts.decode_frames = slowly
if __name__ == "__main__":
    place = Place("clip_dataset/plain", data_dir, 24, cache_dir)
    frame_build.build(place, num_processes=2)
"""


def start_slow_build(tmp_path, log, data_dir):
    script = tmp_path / "slow_build.py"
    script.write_text(_SLOW_BUILD)
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    arguments = [sys.executable, script, tmp_path / log, data_dir, tmp_path / "cache"]
    return subprocess.Popen(arguments, env=environment, stderr=subprocess.PIPE, text=True)


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def is_running(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="looks at /proc")
def test_a_killed_build_is_continued(data_dir, tmp_path):
    place = place_in(data_dir, tmp_path / "cache")
    index = frame_store.building(place.folder) / "index.json"

    def done():
        parts = json.loads(index.read_text())["parts"] if index.exists() else []
        return [number for number, part in enumerate(parts) if part["sha256"]]

    first = start_slow_build(tmp_path, "first.log", data_dir)
    wait_until(lambda: len(done()) >= 3)
    with pytest.raises(UserError, match=r"another process is building .* wait until it is done"):
        frame_build.build(place, num_processes=1)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    kept, header = done(), frame_store.read_header(index.parent)
    assert not place.folder.exists() and len(kept) < len(header.parts)
    with pytest.raises(UserError, match=r"24 is not finished; build it with `dfer cache"):
        cached(place, "train")
    decoders = {int(line.split()[0]) for line in (tmp_path / "first.log").read_text().splitlines()}
    wait_until(lambda: not any(map(is_running, decoders)))  # they stop without being told

    second = start_slow_build(tmp_path, "second.log", data_dir)
    second.communicate()
    assert second.returncode == 0
    again = {line.split()[1] for line in (tmp_path / "second.log").read_text().splitlines()}
    with np.load(place.folder / "clips.npz") as clips:
        todo = ~np.isin(clips["parts"], kept)
        assert again == set(clips["clip_ids"][todo].tolist())
    assert not list(tmp_path.rglob("*.new-*")) and not index.parent.exists()
    assert_whole(place)
    frame_build.verify(place, num_threads=1)


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="looks at /proc")
def test_ctrl_c_stops_at_once(data_dir, tmp_path):
    building = start_slow_build(tmp_path, "log", data_dir)
    log = tmp_path / "log"
    wait_until(lambda: log.exists() and len(log.read_text().splitlines()) > 10)
    building.send_signal(signal.SIGINT)
    start = time.monotonic()
    building.communicate(timeout=60)
    assert building.returncode not in (0, -signal.SIGKILL)
    assert time.monotonic() - start < 15  # decoding the rest takes longer than stopping, loaded too
    decoders = {int(line.split()[0]) for line in log.read_text().splitlines()}
    assert not any(map(is_running, decoders))
    assert len(log.read_text().splitlines()) < NUM_FRAMES
    assert not list(tmp_path.rglob("*.new-*"))


def test_a_killed_decoding_process_is_said(data_dir, tmp_path):
    building = start_slow_build(tmp_path, "log", data_dir)
    log = tmp_path / "log"
    wait_until(lambda: log.exists() and log.read_text().count("\n") > 3)
    os.kill(int(log.read_text().split()[0]), signal.SIGKILL)
    _, said = building.communicate(timeout=60)
    assert building.returncode == 1
    assert "UserError: a decoding process was killed (is memory short?); the same command" in said
