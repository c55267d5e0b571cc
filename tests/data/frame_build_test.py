import fcntl
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import clip_dataset
import numpy as np
import pytest

from dfer_jax.data import decode, frame_build, frame_plan, frame_store
from dfer_jax.data.cached_source import open_cached_split
from dfer_jax.data.frame_store import Place
from dfer_jax.data.source import open_split
from dfer_jax.errors import UserError

SIZE = 24
FRAME_BYTES = SIZE * SIZE * 3
NUM_FRAMES = sum((*clip_dataset.LENGTHS, *clip_dataset.TEST_LENGTHS))


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(frame_plan, "PART_BYTES", 45 * FRAME_BYTES)


def place_in(data_dir, cache_dir, dataset="clip_dataset/plain"):
    return Place(dataset, str(data_dir), SIZE, str(cache_dir))


def cached(place, split):
    return open_cached_split(
        dataset=place.dataset,
        split=split,
        data_dir=place.data_dir,
        size=place.size,
        cache_dir=place.cache_dir,
    )


def assert_whole(place):
    """Every frame of every clip is there, pixel for pixel what decoding gives."""
    for split in ("train", "test"):
        source = open_split(dataset=place.dataset, split=split, data_dir=place.data_dir)
        store = cached(place, split)
        assert len(store) == len(source)
        for i in range(len(source)):
            example, held = source[i], store[i]
            everything = np.arange(example["num_frames"])
            expected = decode.decode_frames(example["frames"], everything, size=SIZE, clip="")
            np.testing.assert_array_equal(held["frames"], expected)
            assert not held["frames"].flags.writeable


def test_every_frame_of_every_split_once(data_dir, tmp_path, small_parts, capsys):
    place = place_in(data_dir, tmp_path)
    assert frame_build.build(place, num_processes=2)
    said = capsys.readouterr().out
    assert (
        f"17 clips, {NUM_FRAMES} frames of 24 x 24, {NUM_FRAMES * FRAME_BYTES / 1000:.0f}kB" in said
    )
    assert "B free in" in said
    assert_whole(place)
    header = frame_store.read_header(place.folder)
    assert len(header.parts) > 4 and sum(part.frames for part in header.parts) == NUM_FRAMES
    assert max(part.bytes for part in header.parts) <= 45 * FRAME_BYTES + 256
    names = {path.name for path in place.folder.iterdir()}
    files = {header.file_of(part) for part in range(len(header.parts))}
    assert names == files | {"index.json", "clips.npz"}
    assert frame_build.verify(place, num_threads=2)[0] == sum(p.bytes for p in header.parts)
    assert not frame_build.build(place, num_processes=2)  # there already


def test_by_default_it_lies_beside_the_dataset(tmp_path):
    clip_dataset.build(str(tmp_path), "plain")
    place = Place("clip_dataset/plain", str(tmp_path), SIZE)
    folder = tmp_path / "clip_dataset" / "plain" / "1.0.0" / "frame_cache_24"
    assert place.folder == folder
    assert place.command.endswith(f"frame_cache clip_dataset/plain --data_dir {tmp_path} --size 24")
    assert frame_build.build(place, num_processes=1)
    assert_whole(place)


_SLOW_BUILD = """
import os, sys, time
from dfer_jax.data import frame_build, frame_parts, frame_plan
from dfer_jax.data.frame_store import Place

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
    return subprocess.Popen(arguments, env=environment)


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
    first.wait()
    kept, header = done(), frame_store.read_header(index.parent)
    assert not place.folder.exists() and len(kept) < len(header.parts)
    with pytest.raises(UserError, match=r"frame_cache_24 is not finished; build it with `python"):
        cached(place, "train")
    decoders = {int(line.split()[0]) for line in (tmp_path / "first.log").read_text().splitlines()}
    wait_until(lambda: not any(map(is_running, decoders)))  # they stop without being told

    second = start_slow_build(tmp_path, "second.log", data_dir)
    assert second.wait() == 0
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
    assert building.wait(timeout=30) not in (0, -signal.SIGKILL)
    assert time.monotonic() - start < 15  # decoding the rest takes longer than stopping, loaded too
    decoders = {int(line.split()[0]) for line in log.read_text().splitlines()}
    assert not any(map(is_running, decoders))
    assert len(log.read_text().splitlines()) < NUM_FRAMES
    assert not list(tmp_path.rglob("*.new-*"))


def test_a_kill_before_the_last_move(data_dir, tmp_path):
    place = place_in(data_dir, tmp_path)
    frame_build.build(place, num_processes=1)
    place.folder.rename(frame_store.building(place.folder))
    frame_build.build(place, num_processes=1)
    assert_whole(place)


def test_damage_is_found_by_its_checksum(data_dir, tmp_path, small_parts):
    place = place_in(data_dir, tmp_path)
    frame_build.build(place, num_processes=2)
    for name in ("frames-00001-of-00007.npy", "frames-00004-of-00007.npy"):
        with open(place.folder / name, "r+b") as file:
            file.seek(-100, os.SEEK_END)
            byte = file.read(1)[0]
            file.seek(-100, os.SEEK_END)
            file.write(bytes([byte ^ 1]))
    cached(place, "train")  # opening looks at sizes only
    with pytest.raises(UserError) as caught:
        frame_build.verify(place, num_threads=2)
    message = str(caught.value)
    assert message.startswith("2 of 7 files of ") and "delete that folder" in message
    assert "  frames-00001-of-00007.npy\n  frames-00004-of-00007.npy" in message


def test_a_cache_of_another_build_is_replaced_when_the_new_one_is_whole(tmp_path, data_dir, capsys):
    built = tmp_path / "data" / "clip_dataset"
    shutil.copytree(pathlib.Path(data_dir) / "clip_dataset" / "plain", built / "plain")
    place = place_in(tmp_path / "data", tmp_path / "cache")
    frame_build.build(place, num_processes=1)
    shutil.rmtree(built / "plain")
    shutil.copytree(pathlib.Path(data_dir) / "clip_dataset" / "plain", built / "plain")
    assert not frame_build.build(place, num_processes=1)  # the same build, copied: later, elsewhere
    (shard,) = (built / "plain" / "1.0.0").glob("*-train.array_record*")
    with open(shard, "r+b") as file:  # as another build might have it
        file.write(bytes([file.read(1)[0] ^ 1]))
    with pytest.raises(
        UserError, match=r"is of another build of clip_dataset/plain/1\.0\.0; build"
    ):
        cached(place, "test")
    before = (place.folder / "index.json").stat().st_ino
    frame_build.build(place, num_processes=1)
    assert "it is replaced" in capsys.readouterr().out
    assert (place.folder / "index.json").stat().st_ino != before
    assert {path.name for path in place.folder.parent.iterdir()} == {
        "frame_cache_24",
        ".frame_cache_24.lock",
    }


def test_a_disk_too_small(data_dir, tmp_path, monkeypatch):
    place = place_in(data_dir, tmp_path)
    usage = shutil.disk_usage(tmp_path)._replace(free=NUM_FRAMES * FRAME_BYTES - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(UserError, match=r"needs 435kB, but .* --cache_dir or a smaller --size"):
        frame_build.build(place, num_processes=1)
    assert not list(tmp_path.rglob("*.npy"))


def test_a_frame_that_cannot_be_decoded_is_named(data_dir, tmp_path):
    place = place_in(data_dir, tmp_path, "clip_dataset/broken")
    with pytest.raises(
        UserError, match=r"^frame 3 \(counted from 0\) of clip 00002 is not a whole .* build the"
    ):
        frame_build.build(place, num_processes=1)
    assert not place.folder.exists()


def test_all_frames_that_cannot_be_decoded_are_named(tmp_path):
    class DamagedClips(clip_dataset.ClipDataset):
        """Clips 3 and 13 have a frame 2 that is cut short."""

        def _generate_examples(self, clips):
            for key, example in super()._generate_examples(clips):
                if key in (3, 13):
                    example["frames"][2] = example["frames"][2][:500]
                yield key, example

    DamagedClips(
        data_dir=tmp_path, config="plain", file_format="array_record"
    ).download_and_prepare()
    place = place_in(tmp_path, tmp_path, "damaged_clips/plain")
    with pytest.raises(UserError) as caught:
        frame_build.build(place, num_processes=1)
    message = str(caught.value)
    assert message.startswith("2 frames cannot be decoded; replace the files in the release")
    for clip in ("00003", "00013"):
        assert f"\n  frame 2 (counted from 0) of clip {clip} is not a whole" in message


def test_another_builder_is_kept_out_by_the_system(data_dir, tmp_path):
    place = place_in(data_dir, tmp_path)
    place.folder.parent.mkdir(parents=True)
    with open(place.folder.parent / ".frame_cache_24.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="another process is building"):
            frame_build.build(place, num_processes=1)
    assert frame_build.build(place, num_processes=1)
