import os
import struct

import av
import cv2
import numpy as np
import pytest
from video_files import picture, write_sound, write_video

from dfer_jax.video.container import VideoError
from dfer_jax.video.decode import encode_clip, read_frames
from dfer_jax.video.picture_size import MAX_SIDE

PICTURES = [picture(number) for number in range(30)]
NOISE = np.random.default_rng(0).integers(0, 255, (30, 48, 64, 3), np.uint8)


def cut(path, share):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def overwrite(path, *, length=6000):
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + length] = np.random.default_rng(1).bytes(length)
    path.write_bytes(data)
    return path


def whole(path):
    return encode_clip(path, shorter_side=None, max_frames=1000)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (b"hello, this is a text " * 50, "not a video file"),
        (cv2.imencode(".jpg", PICTURES[0])[1].tobytes(), "not a video file"),
        (b"\x00\x00\x00\x20ftypisom" + bytes(500), "without an index"),
    ],
)
def test_what_is_no_video(tmp_path, content, why):
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(VideoError, match=why):
        whole(tmp_path / "a.mp4")


def test_sound_alone_is_no_video(tmp_path):
    with pytest.raises(VideoError, match="no video in it"):
        whole(write_sound(tmp_path / "a.mp4"))


def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    for path, why in ((tmp_path, "not a file"), (tmp_path / "pipe.mp4", "not a file")):
        with pytest.raises(VideoError, match=why):
            whole(path)
    with pytest.raises(VideoError, match="cannot be read"):
        whole(tmp_path / "absent.mp4")


def test_mp4_cut_short_before_its_index(tmp_path):
    with pytest.raises(VideoError, match="without an index: cut short"):
        whole(cut(write_video(tmp_path / "a.mp4", NOISE), 0.7))


def test_mp4_cut_short_behind_its_index(tmp_path):
    path = write_video(tmp_path / "a.mp4", NOISE, options={"movflags": "faststart"})
    frames = read_frames(cut(path, 0.7))
    assert next(frames).picture.shape == (48, 64, 3)
    with pytest.raises(VideoError, match=r"cut short or damaged after \d+ frames"):
        list(frames)


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("a.mp4", "libx264", "yuv420p"),
        ("a.avi", "mpeg4", "yuv420p"),
        ("a.mov", "mjpeg", "yuvj420p"),
        ("a.ts", "libx264", "yuv420p"),
    ],
)
def test_damage_in_the_middle(tmp_path, name, codec, pixels):
    path = write_video(tmp_path / name, NOISE, codec=codec, pixels=pixels)
    assert len(whole(path).frames) == 30
    with pytest.raises(VideoError, match="damaged"):
        whole(overwrite(path))


@pytest.mark.parametrize("cameras", [False, True])
@pytest.mark.parametrize("count", [1, 16, 32])
def test_packets_of_a_transport_stream_overwritten_anywhere(tmp_path, count, cameras):
    options = {"mpegts_m2ts_mode": "1"} if cameras else {}
    path = write_video(tmp_path / "a.ts", NOISE, options=options)
    assert len(whole(path).frames) == 30
    data, size = path.read_bytes(), 192 if cameras else 188
    assert len(data) % size == 0
    for first in range(200, 600, 40):
        lost = np.random.default_rng(first).bytes(count * size)
        at = first * size
        path.write_bytes(data[:at] + lost + data[at + len(lost) :])
        with pytest.raises(VideoError, match="damaged"):
            whole(path)


def test_pictures_too_large_are_refused_before_decoding(tmp_path):
    black = [np.zeros((MAX_SIDE + 16, 16, 3), np.uint8)]
    with pytest.raises(VideoError, match=f"{MAX_SIDE + 16} x 16 pixels"):
        whole(write_video(tmp_path / "a.mp4", black))


@pytest.mark.parametrize(("stated", "why"), [(16, "after 0 frames"), (12000, f"above {MAX_SIDE}")])
def test_pictures_larger_than_the_header_states_are_never_decoded(tmp_path, stated, why):
    path = write_video(tmp_path / "a.avi", PICTURES[:1], codec="mjpeg", pixels="yuvj420p")
    data = path.read_bytes()
    jpeg = data.index(b"\xff\xc0") + 5
    data = data[:jpeg] + struct.pack(">HH", 12000, 12000) + data[jpeg + 4 :]
    for name, before in ((b"avih", 40), (b"strf", 12)):
        at = data.index(name) + before
        data = data[:at] + struct.pack("<II", stated, stated) + data[at + 8 :]
    path.write_bytes(data)
    with pytest.raises(VideoError, match=why):
        whole(path)


@pytest.mark.parametrize(
    ("text", "opens_without_guard"),
    [
        ("ffconcat version 1.0\nfile '{name}'\n", True),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\n{name}\n#EXT-X-ENDLIST\n", False),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\nhttp://localhost:1/a.ts\n", False),
    ],
)
def test_a_playlist_named_mp4_opens_no_other_file(tmp_path, text, opens_without_guard):
    other = write_video(tmp_path / "secret.ts", PICTURES[:3])
    path = tmp_path / "list.mp4"
    path.write_text(text.format(name=other.name))
    if opens_without_guard:  # that is, FFmpeg by itself would follow it
        with av.open(str(path)) as container:
            assert len(list(container.decode(video=0))) == 3
    with pytest.raises(VideoError, match="not a video file of a known kind"):
        whole(path)


def test_far_too_many_frames_are_refused_before_decoding(tmp_path):
    path = overwrite(write_video(tmp_path / "a.mp4", NOISE))
    with pytest.raises(
        VideoError, match=r"^more than 20 frames \(1 s at 25 frames a second\); cut"
    ):
        encode_clip(path, shorter_side=None, max_frames=20)  # though the pictures are damaged
