import gc
import struct
import tracemalloc

import av
import cv2
import numpy as np
import pytest
import simplejpeg
from video_files import corners, number_of, picture, write_video

from dfer_jax.video.container import VideoError, promised_frames
from dfer_jax.video.decode import encode_clip, read_frames

PICTURES = [picture(number) for number in range(30)]
NOISE = np.random.default_rng(0).integers(0, 255, (30, 48, 64, 3), np.uint8)


def pictures_of(path, **how):
    return [frame.picture for frame in read_frames(path, **how)]


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


def test_a_container_that_begins_before_its_start_keeps_the_times_apart(tmp_path):
    path = write_video(
        tmp_path / "a.mkv",
        [picture(k) for k in range(6)],
        options={"avoid_negative_ts": "disabled"},
        times=[k - 3 for k in range(6)],
        codec_options={"tune": "zerolatency"},
    )
    times = [round(frame.seconds, 3) for frame in read_frames(path)]
    assert times == [0.0, 0.04, 0.08, 0.12, 0.16, 0.2]


def test_too_many_frames_are_refused(tmp_path):
    path = write_video(tmp_path / "a.mp4", PICTURES)
    assert len(encode_clip(path, shorter_side=None, max_frames=30).frames) == 30
    with pytest.raises(
        VideoError, match=r"^more than 29 frames \(1 s at 25 frames a second\); cut"
    ):
        encode_clip(path, shorter_side=None, max_frames=29)


def test_a_clip_trimmed_on_a_phone_announces_what_it_shows(tmp_path):
    path = write_video(tmp_path / "a.mp4", PICTURES)
    data = path.read_bytes()
    at = data.index(b"elst") + 12  # of the edit list: duration in ms, first tick shown
    first = struct.unpack(">I", data[at + 4 : at + 8])[0] + 10 * 512
    path.write_bytes(data[:at] + struct.pack(">II", 12 * 40, first) + data[at + 8 :])
    video = encode_clip(path, shorter_side=None, max_frames=20)
    assert len(video.frames) == video.facts.promised_frames == promised_frames(path) == 12


@pytest.mark.parametrize("name", ["%03d.mp4", "a:b|c.mp4", "é 100%.mp4", "http:x.mp4", "-.mp4"])
def test_odd_file_names_are_names(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    path = write_video(tmp_path / "plain.mp4", PICTURES[:3]).rename(tmp_path / name)
    for spelled in (path, path.relative_to(tmp_path)):
        assert len(encode_clip(spelled, shorter_side=None, max_frames=3).frames) == 3


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
