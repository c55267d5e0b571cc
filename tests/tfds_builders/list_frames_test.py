"""Folders of frames as programs and cameras leave them, listed and read."""

import io

import cv2
import numpy as np
from PIL import Image

from tfds_builders import frames, report
from tfds_builders.frames import Clip, Listing, list_frames
from tfds_builders.single_pass import Findings, SinglePass
from tfds_builders.tree import Tree

PICTURE = np.arange(16 * 16 * 3, dtype=np.uint8).reshape(16, 16, 3)


def lay(folder, pictures):
    """Writes encoded pictures, or arrays by their suffix."""
    folder.mkdir(parents=True)
    for name, picture in pictures.items():
        suffix = name[name.rindex(".") :]
        data = picture if isinstance(picture, bytes) else cv2.imencode(suffix, picture)[1].tobytes()
        (folder / name).write_bytes(data)


def read(root, name="a"):
    """Lists and reads a clip; returns it, the state and its report."""
    state = SinglePass("video_folder", Tree(root), Listing(), ("train",), classes=("x",))
    names = list_frames(root / name, name, tree=state.tree, listing=state.listing)
    clip = Clip(name, "train", "x", root / name, names)
    state.listing.clips.append(clip)
    encoded = frames.read_clip(clip)
    state.findings.note(encoded)
    return encoded, state


def test_the_aligned_faces_of_openface(tmp_path):
    pictures = {f"frame_det_00_{number:06d}.bmp": PICTURE + number for number in range(1, 13)}
    pictures["frame_det_00_000005.bmp"] = np.zeros_like(PICTURE)  # no face found
    lay(tmp_path / "a", pictures)
    encoded, state = read(tmp_path)
    assert not state.problems and not state.listing.gaps
    assert [cv2.imdecode(np.frombuffer(data, np.uint8), 1)[0, 0, 0] for data in encoded.frames] == [
        0 if number == 5 else number for number in range(1, 13)
    ]
    told = report.summary(state)
    assert "12 frames stored as PNG: BMP" in told
    assert "1 clips have black frames, as where a program found no face:\n  a (1 of 12)" in told


def test_two_faces_of_openface_are_one_problem(tmp_path):
    names = [f"frame_det_0{face}_00000{number}.bmp" for face in (0, 1) for number in range(1, 5)]
    lay(tmp_path / "a", dict.fromkeys(names, PICTURE))
    _, state = read(tmp_path)
    (problem,) = state.tree.problems
    assert problem == (
        "a: which number orders its files is not clear, two change as in frame_det_01_000001.bmp "
        "and frame_det_00_000002.bmp; keep one series, or rename them: one number has to count the "
        "frames"
    )


def test_kinds_are_told_by_content_and_changes_are_counted(tmp_path):
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(PICTURE).save(buffer, "JPEG", exif=exif)
    png = cv2.imencode(".png", PICTURE)[1].tobytes()
    opaque = np.dstack([PICTURE, np.full((16, 16), 255, np.uint8)])
    lay(
        tmp_path / "a",
        {
            "img (1).jpg": png,
            "img (2).jpg": buffer.getvalue(),
            "img (3).jpg": cv2.imencode(".webp", PICTURE)[1].tobytes(),
            "img (12).png": opaque,
        },
    )
    encoded, state = read(tmp_path)
    assert not state.problems and len(encoded.frames) == 4 and encoded.frames[0] == png
    assert dict(state.findings.changes) == {
        "turned upright, as EXIF says": 1,
        "WEBP": 1,
        "without the alpha channel, which hides nothing": 1,
    }
    assert state.listing.gaps == ["a (8 numbers up to 12)"]


def test_an_order_that_is_not_clear_is_a_problem_of_the_folder(tmp_path):
    lay(tmp_path / "a", dict.fromkeys(["1.5.jpg", "1.10.jpg", "2.1.jpg"], PICTURE))
    _, state = read(tmp_path)
    assert state.tree.problems == [
        "a: whether 1.5.jpg comes before 1.10.jpg is not clear; write the numbers with the same "
        "number of digits behind the dot"
    ]


def test_numbers_that_are_times_since_1970_have_no_gaps(tmp_path):
    names = [f"{1_700_000_000_000 + 40 * number}.JFIF" for number in range(3)]
    jpeg = cv2.imencode(".jpg", PICTURE)[1].tobytes()
    lay(tmp_path / "a", dict.fromkeys(names, jpeg))
    encoded, state = read(tmp_path)
    assert encoded.clip.frames == tuple(names) and encoded.frames == [jpeg] * 3
    assert not state.problems and not state.listing.gaps


def test_findings_travel_through_a_file(tmp_path):
    found = Findings(black=["a (1 of 2)"])
    found.changes["BMP"] += 2
    found.write(tmp_path / "found.json")
    again = Findings.read(tmp_path / "found.json")
    assert again == found
    again.add(found)
    assert again.changes["BMP"] == 4 and again.black == ["a (1 of 2)"] * 2
