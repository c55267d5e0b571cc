import fcntl
import os
import pathlib
import shutil

import clip_dataset
import pytest
from frame_caches import FRAME_BYTES, NUM_FRAMES, SIZE, assert_whole, cached, place_in

from dfer_jax.data.frame_cache import build as frame_build
from dfer_jax.data.frame_cache import plan as frame_plan
from dfer_jax.data.frame_cache import store as frame_store
from dfer_jax.data.frame_cache.store import Place
from dfer_jax.errors import UserError


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(frame_plan, "PART_BYTES", 45 * FRAME_BYTES)


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
    assert place.command.endswith(f"dfer cache clip_dataset/plain --data_dir {tmp_path} --size 24")
    assert frame_build.build(place, num_processes=1)
    assert_whole(place)


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
    clip_dataset.rebuild(tmp_path / "data", repainted=3)
    with pytest.raises(UserError, match="holds other clips or frames"):
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


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            "cut short",
            r"of train cannot be read from .*/plain/1\.0\.0/clip_dataset-train\.array_rec",
        ),
        ("removed", r"/clip_dataset-train\.array_record.* is gone; bring the file back, or build"),
        ("metadata", r"plain/1\.0\.0 cannot be read .*; delete that folder and build the dataset"),
    ],
)
def test_a_half_copied_dataset_is_named(data_dir, tmp_path, damage, message):
    shutil.copytree(pathlib.Path(data_dir) / "clip_dataset", tmp_path / "clip_dataset")
    folder = tmp_path / "clip_dataset" / "plain" / "1.0.0"
    (shard,) = folder.glob("*-train.array_record*")
    if damage == "cut short":
        os.truncate(shard, shard.stat().st_size // 2)
    elif damage == "removed":
        shard.unlink()
    else:
        (folder / "dataset_info.json").write_text("{")
    place = place_in(tmp_path, tmp_path / "cache")
    with pytest.raises(UserError, match=message):
        frame_build.build(place, num_processes=1)


def test_another_builder_is_kept_out_by_the_system(data_dir, tmp_path):
    place = place_in(data_dir, tmp_path)
    place.folder.parent.mkdir(parents=True)
    with open(place.folder.parent / ".frame_cache_24.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="another process is building"):
            frame_build.build(place, num_processes=1)
    assert frame_build.build(place, num_processes=1)
