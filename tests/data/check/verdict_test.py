"""The check and the build give one verdict, in the same words."""

import shutil
import struct
import zlib

import cv2
import numpy as np
import pytest
from video_files import picture, write_video

from dfer_jax.data.check.download import check_download
from dfer_jax.errors import UserError
from tfds_builders import build, images
from tfds_builders.video_folder import clips


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "videos"
    folder.mkdir()
    rows = ["path,label,split"]
    for at in range(6):
        noise = np.random.default_rng(at).integers(0, 255, (12, 48, 64, 3), np.uint8)
        write_video(folder / f"v{at}.mp4", noise, options={"movflags": "faststart"})
        rows.append(f"v{at}.mp4,{('joy', 'sad')[at % 2]},{'train' if at < 4 else 'test'}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return folder


def refusals(root, tmp_path, *, thorough=False):
    """Returns the faults of the check, once it is clear that the build has the same."""
    result = check_download("video_folder/mine", str(root), thorough=thorough, processes=1)
    faults = [item for finding in result.of("fault") for item in finding.items]
    assert not result.can_be_built and result.verdict.startswith("will not build")
    with pytest.raises(UserError) as caught:
        build.build("video_folder/mine", data_dir=str(tmp_path / "data"), manual_dir=str(root))
    assert all(fault in str(caught.value) for fault in faults)
    return faults


def test_a_faststart_video_cut_short_is_refused_by_both(root, tmp_path):
    path = root / "v2.mp4"
    path.write_bytes(path.read_bytes()[:-3000])
    (fault,) = refusals(root, tmp_path)
    assert fault.startswith("v2 (v2.mp4): ") and "damaged" in fault


def test_a_video_too_long_is_refused_by_both(root, tmp_path, monkeypatch):
    monkeypatch.setattr(clips, "MAX_FRAMES", 20)
    write_video(root / "v3.mp4", [picture(at % 30) for at in range(33)])
    (fault,) = refusals(root, tmp_path)
    assert fault.startswith("v3 (v3.mp4): more than 20 frames") and fault.endswith(
        "cut it into clips"
    )


def test_a_copy_in_both_splits_is_refused_by_both(root, tmp_path):
    shutil.copy(root / "v1.mp4", root / "v5.mp4")
    expected = "v1 (train) and v5 (test) are the same file; remove one, or put both in one split"
    assert refusals(root, tmp_path) == [expected]


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_without_its_palette():
    head = struct.pack(">IIBBBBB", 16, 16, 8, 3, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + bytes(16) for _ in range(16)))
    chunks = chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def test_a_png_that_training_cannot_read_is_refused(root, tmp_path):
    folder = root / "v5"
    folder.mkdir()
    whole = cv2.imencode(".png", np.full((16, 16, 3), 90, np.uint8))[1].tobytes()
    assert images.check_image(whole).data == whole
    for number in range(3):
        (folder / f"{number}.png").write_bytes(png_without_its_palette())
    table = (root / "labels.csv").read_text().replace("v5.mp4", "v5")
    (root / "labels.csv").write_text(table)
    (root / "v5.mp4").unlink()
    for thorough in (False, True):
        faults = refusals(root, tmp_path, thorough=thorough)
        expected = "truncated or damaged PNG image (truncated or damaged PNG image)"
        assert faults == [f"v5/{number}.png: {expected}" for number in range(3)]


def test_an_empty_split_is_refused_by_both(root, tmp_path):
    table = (root / "labels.csv").read_text().replace(",test", ",train")
    (root / "labels.csv").write_text(table)
    assert refusals(root, tmp_path) == ["no row has the split test; every clip is in train"]
