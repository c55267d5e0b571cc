from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from video_files import corners, number_of, picture, write_video

from dfer_jax.video.container import VideoError, count_packets
from dfer_jax.video.decode import encode_clip, notes, read_frames
from dfer_jax.video.upright import showing

PICTURES = [picture(number) for number in range(12)]


def pictures_of(path: Path, **how):
    return [frame.picture for frame in read_frames(path, **how)]


@pytest.mark.parametrize(
    ("aspect", "rotation", "shape"),
    [("3:2", 0, (48, 96)), ("1:2", 0, (48, 32)), ("3:2", 90, (96, 48)), ("12:11", 0, (48, 70))],
)
def test_pixels_become_square(tmp_path, aspect, rotation, shape):
    path = write_video(tmp_path / "a.mp4", PICTURES[:3], aspect=aspect, rotation=rotation)
    found = pictures_of(path)
    assert [frame.shape[:2] for frame in found] == [shape] * 3
    expected = ["green", "grey", "red", "blue"] if rotation else ["red", "green", "blue", "grey"]
    assert corners(found[0]) == expected
    facts = encode_clip(path, shorter_side=24, max_frames=3).facts
    assert (facts.height, facts.width) == shape
    assert min(pictures_of(path, shorter_side=24)[0].shape[:2]) == 24
    assert notes(path) == ("pixels are not square; pictures are widened or narrowed",)


def test_absurdly_wide_pixels_are_refused():
    frame = av.VideoFrame(64, 48, "yuv420p")
    assert showing(frame, Fraction(2)).size(48, 64) == (48, 128)
    with pytest.raises(VideoError, match="as shown, with pixels of 200: 48 x 12800 pixels; more"):
        showing(frame, Fraction(200))


def test_times_are_those_of_the_file(tmp_path):
    path = write_video(tmp_path / "a.mkv", PICTURES[:5], times=[0, 1, 2, 10, 40])
    assert [f.index for f in read_frames(path)] == [0, 1, 2, 3, 4]
    found = [f.seconds for f in read_frames(path)]
    np.testing.assert_allclose(found, np.array([0, 1, 2, 10, 40]) / 25, atol=2e-3)


def test_the_first_time_is_where_players_begin(tmp_path):
    path = write_video(tmp_path / "a.ts", PICTURES)  # a transport stream begins at 1.4 s or so
    found = [frame.seconds for frame in read_frames(path)]
    np.testing.assert_allclose(found, np.arange(12) / 25, atol=1e-3)


def test_120_frames_a_second(tmp_path):
    path = write_video(tmp_path / "a.mp4", PICTURES, rate=120)
    np.testing.assert_allclose([f.seconds for f in read_frames(path)], np.arange(12) / 120)
    with pytest.raises(VideoError, match=r"more than 6 frames \(0 s at 120 frames a second\)"):
        encode_clip(path, shorter_side=None, max_frames=6)


def test_hdr_is_named_and_not_flat(tmp_path):
    colours = {"color_trc": "smpte2084", "colorspace": "bt2020nc", "color_primaries": "bt2020"}
    how = {"codec": "libx264", "pixels": "yuv420p10le", "codec_options": colours}
    plain = write_video(tmp_path / "plain.mp4", PICTURES[:2], pixels="yuv420p10le")
    hdr = write_video(tmp_path / "hdr.mp4", PICTURES[:2], **how)
    assert notes(plain) == () and notes(hdr)[0].startswith("HDR (PQ); ")
    grey = np.full((48, 64, 3), 148, np.uint8)  # 203 cd/m2, white paper, is .58 in PQ
    shown = pictures_of(write_video(tmp_path / "grey.mp4", [grey] * 2, **how))[0]
    assert 180 < shown.mean() < 200
    hlg = {**colours, "color_trc": "arib-std-b67"}
    path = write_video(tmp_path / "hlg.mp4", PICTURES[:2], **{**how, "codec_options": hlg})
    assert notes(path)[0].startswith("HDR (HLG); ")


def test_interlaced_lines_are_of_one_moment(tmp_path):
    frames = []
    for number in range(4):
        frame = np.full((48, 64, 3), 30, np.uint8)
        frame[::2, 8 * number : 8 * number + 12] = 220
        frame[1::2, 8 * number + 4 : 8 * number + 16] = 220  # half a frame later
        frames.append(frame)
    how = {"codec": "mpeg2video", "codec_options": {"flags": "+ildct+ilme", "top": "1"}}
    path = write_video(tmp_path / "a.mpg", frames, **how)
    if not notes(path):
        pytest.skip("this encoder does not mark frames as interlaced")
    assert notes(path) == ("interlaced; every second line is shown, or both averaged",)
    for frame in pictures_of(path):
        assert np.abs(np.diff(frame[4:-4].astype(int), axis=0)).max() < 60, "combed"


def test_a_cut_matroska_file_is_cut_short(tmp_path):
    path = write_video(tmp_path / "a.mkv", PICTURES, codec="ffv1", pixels="bgr0")
    data = path.read_bytes()
    messages = set()
    for share in (0.3, 0.5, 0.6, 0.75, 0.9):
        path.write_bytes(data[: int(len(data) * share)])
        for read in (count_packets, lambda path: list(read_frames(path))):
            with pytest.raises(VideoError, match="cut short") as error:
                read(path)
            messages.add(str(error.value)[:11])
    path.write_bytes(data)
    assert count_packets(path) == 12 and messages


def test_a_browser_recording_says_no_length(tmp_path):
    live = {"live": "1"}  # as MediaRecorder writes: no length, no index
    path = write_video(tmp_path / "a.webm", PICTURES, codec="libvpx-vp9", options=live)
    found = list(read_frames(path))
    assert [number_of(frame.picture) for frame in found] == list(range(12))
    np.testing.assert_allclose([f.seconds for f in found], np.arange(12) / 25, atol=2e-3)
