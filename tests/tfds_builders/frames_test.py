import pickle

import cv2
import dfew_tree
import numpy as np
import pytest

from tfds_builders import frames
from tfds_builders.frames import Clip, Decoding, Listing
from tfds_builders.single_pass import Findings, SinglePass
from tfds_builders.tree import Tree

DECODING = Decoding(shorter_side=256, max_frames=40, expected_frames=30)


def video_clip(path, num=7, **kwargs):
    return Clip(str(num), "train", "fear", path, features={"kept": num}, video=DECODING, **kwargs)


def codes(images):
    decoded = [cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR) for image in images]
    return [dfew_tree.decode_video_frame(image) for image in decoded]


@pytest.mark.parametrize("codec", ["mpeg4", "libx264"])
@pytest.mark.parametrize(("block", "size"), [(16, (64, 96)), (128, (256, 384))])
def test_a_video_becomes_all_its_frames_in_order(tmp_path, codec, block, size):
    path = tmp_path / "7.mp4"
    dfew_tree.write_video(path, 7, 12, codec=codec, block=block, fps=30)
    read = frames.read_clip(video_clip(path))
    assert codes(read.frames) == [(7, number) for number in range(1, 13)]
    assert read.sizes == {size} and not read.problems and read.announced_frames == 12
    assert read.example["fps"] == pytest.approx(30, rel=1e-3)
    assert read.example["kept"] == 7 and read.example["num_frames"] == 12


@pytest.mark.parametrize(
    ("content", "why"), [(b"", "the file is empty"), (b"<html>sign in</html>" * 9, "not a video")]
)
def test_damage_names_clip_and_file(tmp_path, content, why):
    (tmp_path / "7.mp4").write_bytes(content)
    read = frames.read_clip(video_clip(tmp_path / "7.mp4"))
    (problem,) = read.problems
    assert problem.startswith(f"7 (7.mp4): {why}") and read.frames == []


def test_too_many_frames_are_a_problem(tmp_path):
    dfew_tree.write_video(tmp_path / "7.mp4", 7, 41)
    (problem,) = frames.read_clip(video_clip(tmp_path / "7.mp4")).problems
    assert "more than 40 frames" in problem


def test_a_file_cut_between_frames_is_found_by_what_it_announces(tmp_path):
    path = tmp_path / "7.mp4"
    dfew_tree.write_video(path, 7, 12, options={"movflags": "faststart"})
    found, whole = Findings(), path.read_bytes()
    found.note(frames.read_clip(video_clip(path)))
    assert found.fewer == []
    for size in range(len(whole) - 1, 0, -1):  # until a cut falls between two frames
        path.write_bytes(whole[:size])
        read = frames.read_clip(video_clip(path))
        if not read.problems:
            break
    found.note(read)
    assert found.fewer == ["7 (11 of 12 frames)"] and not found.damaged


def test_shards_of_videos_follow_their_expected_length(tmp_path, monkeypatch):
    monkeypatch.setattr("tfds_builders.single_pass._FRAMES_PER_SHARD", 60)
    clips = [video_clip(tmp_path / f"{num}.mp4", num) for num in range(5)]
    state = SinglePass("x", Tree(tmp_path), Listing(clips), ("train",))
    assert [len(shard) for shard in state.shards("train")] == [2, 2, 1]


def test_a_clip_travels_to_other_processes(tmp_path):
    clip = video_clip(tmp_path / "7.mp4")
    assert pickle.loads(pickle.dumps(clip)) == clip
