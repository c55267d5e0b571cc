import gc
import os
import struct
import tracemalloc

import av
import cv2
import numpy as np
import pytest
import simplejpeg
from video_files import corners, number_of, picture, write_sound, write_video

from dfer_jax.video.container import VideoError, promised_frames
from dfer_jax.video.decode import encode_clip, read_frames
from dfer_jax.video.picture_size import MAX_SIDE

PICTURES = [picture(number) for number in range(30)]
NOISE = np.random.default_rng(0).integers(0, 255, (30, 48, 64, 3), np.uint8)


def pictures_of(path, **how):
    return [frame.picture for frame in read_frames(path, **how)]


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


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("a.mp4", "libx264", "yuv420p"),
        ("a.mp4", "libx264", "yuv420p10le"),
        ("a.mp4", "libx265", "yuv420p"),
        ("a.avi", "mpeg4", "yuv420p"),
        ("a.webm", "libvpx-vp9", "yuv420p"),
        ("a.mkv", "libx264", "yuv444p"),
        ("a.mov", "mjpeg", "yuvj420p"),
        ("a.ts", "libx264", "yuv420p"),
        ("a.mpg", "mpeg2video", "yuv420p"),
        ("a.gif", "gif", "rgb8"),
    ],
)
def test_every_frame_in_order_and_in_colour(tmp_path, name, codec, pixels):
    path = write_video(tmp_path / name, PICTURES, codec=codec, pixels=pixels)
    frames = pictures_of(path)
    assert [number_of(frame) for frame in frames] == list(range(30))
    for frame, expected in zip(frames, PICTURES, strict=True):
        assert frame.dtype == np.uint8 and frame.flags.c_contiguous
        inside = np.s_[2:10, 2:14]  # of the red quarter, away from edges
        red, wanted = frame[inside].mean((0, 1)), expected[inside].mean((0, 1))
        np.testing.assert_allclose(red, wanted, atol=12)


def test_grey_video_has_equal_channels(tmp_path):
    path = write_video(tmp_path / "grey.mkv", PICTURES, codec="ffv1", pixels="gray")
    frame = next(read_frames(path)).picture
    assert frame.shape == (48, 64, 3) and (np.ptp(frame, axis=2) == 0).all()


def test_odd_size(tmp_path):
    pictures = [picture(number, height=35, width=51) for number in range(3)]
    path = write_video(tmp_path / "odd.mkv", pictures, pixels="yuv444p")
    assert [frame.shape for frame in pictures_of(path)] == [(35, 51, 3)] * 3


@pytest.mark.parametrize(
    ("rotation", "hflip", "expected"),
    [
        (90, False, ["green", "grey", "red", "blue"]),  # degrees are counter-clockwise
        (180, False, ["grey", "blue", "green", "red"]),
        (-90, False, ["blue", "red", "grey", "green"]),
        (0, True, ["green", "red", "grey", "blue"]),
        (90, True, ["grey", "green", "blue", "red"]),
        (-90, True, ["red", "blue", "green", "grey"]),
    ],
)
def test_display_matrix_is_applied(tmp_path, rotation, hflip, expected):
    path = write_video(tmp_path / "a.mp4", PICTURES[:3], rotation=rotation, hflip=hflip)
    clip = encode_clip(path, shorter_side=None, max_frames=3)
    upright = (64, 48) if rotation in (90, -90) else (48, 64)
    assert (clip.facts.height, clip.facts.width) == upright
    for frame in (next(read_frames(path)).picture, simplejpeg.decode_jpeg(clip.frames[0])):
        assert frame.shape[:2] == upright and corners(frame) == expected


def test_shrinks_the_shorter_side_by_averaging(tmp_path):
    noise = [cv2.resize(frame, (256, 192), interpolation=cv2.INTER_LINEAR) for frame in NOISE[:2]]
    path = write_video(tmp_path / "a.mkv", noise, codec="ffv1", pixels="bgr0")
    small = next(read_frames(path, shorter_side=48)).picture
    expected = cv2.resize(noise[0], (64, 48), interpolation=cv2.INTER_AREA).astype(int)
    assert small.shape == (48, 64, 3) and np.abs(small - expected).max() <= 2
    np.testing.assert_array_equal(next(read_frames(path)).picture, noise[0])


def test_never_enlarges(tmp_path):
    path = write_video(tmp_path / "a.mp4", PICTURES[:2])
    assert next(read_frames(path, shorter_side=48)).picture.shape == (48, 64, 3)
    assert next(read_frames(path, shorter_side=400)).picture.shape == (48, 64, 3)
    assert next(read_frames(path, shorter_side=1)).picture.shape == (1, 1, 3)


def test_encoded_frames_are_close_to_the_decoded(tmp_path):
    path = write_video(tmp_path / "a.mp4", PICTURES)
    clip = encode_clip(path, shorter_side=24, max_frames=30)
    frames = pictures_of(path, shorter_side=24)
    assert len(clip.frames) == len(frames) == 30
    for data, frame in zip(clip.frames, frames, strict=True):
        assert np.abs(simplejpeg.decode_jpeg(data).astype(int) - frame).mean() < 6
    larger = encode_clip(path, shorter_side=24, max_frames=30, quality=100)
    assert sum(map(len, larger.frames)) > sum(map(len, clip.frames))


def test_facts(tmp_path):
    path = write_video(tmp_path / "a.mp4", PICTURES)
    facts = encode_clip(path, shorter_side=24, max_frames=30).facts
    assert (facts.height, facts.width) == (48, 64)
    assert facts.num_frames == facts.promised_frames == promised_frames(path) == 30
    assert facts.fps == pytest.approx(25) and facts.duration == pytest.approx(1.2)


def test_variable_frame_rate_is_measured_by_the_time_stamps(tmp_path):
    path = write_video(tmp_path / "a.mkv", PICTURES[:5], times=[0, 1, 2, 10, 40])
    facts = encode_clip(path, shorter_side=None, max_frames=30).facts
    assert facts.num_frames == 5
    assert facts.fps == pytest.approx(4 / (40 / 25), rel=0.01)
    assert facts.duration == pytest.approx(40 / 25 * 5 / 4, rel=0.01)


def test_too_many_frames_are_refused(tmp_path):
    path = write_video(tmp_path / "a.mp4", PICTURES)
    assert len(encode_clip(path, shorter_side=None, max_frames=30).frames) == 30
    with pytest.raises(
        VideoError, match=r"^more than 29 frames \(1 s at 25 frames a second\); cut"
    ):
        encode_clip(path, shorter_side=None, max_frames=29)


def test_far_too_many_frames_are_refused_before_decoding(tmp_path):
    path = overwrite(write_video(tmp_path / "a.mp4", NOISE))
    with pytest.raises(
        VideoError, match=r"^more than 20 frames \(1 s at 25 frames a second\); cut"
    ):
        encode_clip(path, shorter_side=None, max_frames=20)  # though the pictures are damaged


def test_a_clip_trimmed_on_a_phone_announces_what_it_shows(tmp_path):
    path = write_video(tmp_path / "a.mp4", PICTURES)
    data = path.read_bytes()
    at = data.index(b"elst") + 12  # of the edit list: duration in ms, first tick shown
    first = struct.unpack(">I", data[at + 4 : at + 8])[0] + 10 * 512
    path.write_bytes(data[:at] + struct.pack(">II", 12 * 40, first) + data[at + 8 :])
    video = encode_clip(path, shorter_side=None, max_frames=20)
    assert len(video.frames) == video.facts.promised_frames == promised_frames(path) == 12


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


@pytest.mark.parametrize("name", ["%03d.mp4", "a:b|c.mp4", "é 100%.mp4", "http:x.mp4", "-.mp4"])
def test_odd_file_names_are_names(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    path = write_video(tmp_path / "plain.mp4", PICTURES[:3]).rename(tmp_path / name)
    assert len(whole(path).frames) == len(whole(path.relative_to(tmp_path)).frames) == 3


def test_memory_does_not_grow_with_the_length(tmp_path):
    path = write_video(tmp_path / "a.mp4", (PICTURES * 10))
    tracemalloc.start()
    count = sum(1 for _ in read_frames(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 300 and peak < 20 * PICTURES[0].nbytes


def test_pictures_are_let_go_without_the_garbage_collector(tmp_path):
    path = write_video(tmp_path / "a.mp4", PICTURES)
    gc.collect()
    gc.disable()
    try:
        sum(1 for _ in read_frames(path))
        alive = sum(isinstance(thing, av.VideoFrame) for thing in gc.get_objects())
    finally:
        gc.enable()
    assert alive == 0


def test_a_title_that_is_no_text_does_not_matter(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "a title"
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(PICTURES[0], format="rgb24")))
        container.mux(stream.encode())
    data = path.read_bytes()
    assert b"a title" in data
    path.write_bytes(data.replace(b"a title", b"\xff\xfe\xc3\x28\xff\xfe\xff"))
    assert sum(1 for _ in read_frames(path)) == 1
