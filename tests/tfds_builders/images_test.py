import io
import struct

import cv2
import numpy as np
import pytest
from PIL import Image

from tfds_builders import images


def photo(height=64, width=80):
    """Smooth noise, so that every part of the entropy-coded data matters."""
    noise = np.random.default_rng(0).normal(size=(height, width, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3)
    return (smooth / smooth.std() * 40 + 128).clip(0, 255).astype(np.uint8)


def pillow_bytes(mode="RGB", file_format="JPEG", **kwargs):
    buffer = io.BytesIO()
    Image.fromarray(photo()).convert(mode).save(buffer, file_format, **kwargs)
    return buffer.getvalue()


JPEG = cv2.imencode(".jpg", photo())[1].tobytes()
PNG = cv2.imencode(".png", photo())[1].tobytes()
HALF = len(JPEG) // 2


def with_size(data, height, width):
    start = data.index(b"\xff\xc0") + 5
    return data[:start] + struct.pack(">HH", height, width) + data[start + 4 :]


@pytest.mark.parametrize(
    "data",
    [
        JPEG,
        JPEG + bytes(512),
        pillow_bytes(progressive=True),
        pillow_bytes(mode="L"),
        pillow_bytes(restart_marker_blocks=2),
        pillow_bytes(comment=b"\xff\xd9 inside a comment"),
    ],
    ids=["plain", "padded", "progressive", "grey", "restart", "comment"],
)
def test_whole_jpeg_gives_its_size(data):
    image = images.check_image(data)
    assert (image.data, image.height, image.width, image.change) == (data, 64, 80, "")
    assert not image.black


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty"),
        (b"\xff\xd8", "not a readable"),
        (b"<html>not found</html>", "not a JPEG, PNG, BMP or WebP image but a web page"),
        (b"1234", "image but something else"),
        (JPEG[:HALF], "truncated"),
        (JPEG[:-2], "truncated"),
        (JPEG[:HALF] + b"\xff\xd9", "truncated"),
        (JPEG[:-30] + b"\xff\xd9", "truncated"),
        (JPEG[:HALF] + bytes(len(JPEG) - HALF), "truncated"),
        (JPEG[:HALF] + bytes(200) + JPEG[HALF + 200 :], "damaged"),
        (with_size(JPEG, 65500, 65500), "65500 x 65500"),
        (with_size(JPEG, 64, 8193), "64 x 8193 pixels; more than 8192 a side"),
        (with_size(JPEG, 640, 80), "truncated"),
        (
            pillow_bytes(mode="CMYK"),
            "in CMYK colours, not RGB or grey; convert it, .*magick mogrify",
        ),
    ],
)
def test_damaged_jpeg_says_why(data, why):
    with pytest.raises(images.DamagedImageError, match=why):
        images.check_image(data)


def test_opencv_alone_would_pass_a_truncated_jpeg():
    """The reason for a strict decoder: this is an image to OpenCV, half of it grey."""
    data = np.frombuffer(JPEG[:HALF] + b"\xff\xd9", np.uint8)
    assert cv2.imdecode(data, cv2.IMREAD_COLOR).shape == (64, 80, 3)


def test_tiny_jpeg():
    data = cv2.imencode(".jpg", np.zeros((1, 3, 3), np.uint8))[1].tobytes()
    image = images.check_image(data)
    assert (image.height, image.width, image.grey, image.black) == (1, 3, False, True)


@pytest.mark.parametrize("mode", ["RGB", "L", "P"])
def test_whole_png(mode):
    data = pillow_bytes(mode, "PNG")
    image = images.check_image(data)
    assert image == images.StoredImage(data, 64, 80, grey=mode == "L", black=False)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (PNG[: len(PNG) // 2], "truncated"),
        (PNG[:500] + bytes([PNG[500] ^ 1]) + PNG[501:], "damaged"),
        (
            PNG[:16] + struct.pack(">II", 60000, 60000) + PNG[24:],
            "^60000 x 60000 pixels; more than 8192",
        ),
    ],
)
def test_damaged_png_says_why(data, why):
    with pytest.raises(images.DamagedImageError, match=why):
        images.check_image(data)


def test_read_image_returns_untouched_bytes(tmp_path):
    (tmp_path / "a.JPG").write_bytes(JPEG)
    assert images.read_image(tmp_path / "a.JPG") == images.StoredImage(JPEG, 64, 80, False, False)


def test_the_content_counts_not_the_name(tmp_path):
    for name, data in (("a.jpg", PNG), ("a.png", JPEG)):
        (tmp_path / name).write_bytes(data)
        assert images.read_image(tmp_path / name).data == data


def test_read_image_refuses_a_file_too_large_to_be_a_frame(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "MAX_BYTES", 100)
    (tmp_path / "a.jpg").write_bytes(JPEG)
    with pytest.raises(images.DamagedImageError, match="larger"):
        images.read_image(tmp_path / "a.jpg")


def test_read_image_reports_a_file_that_cannot_be_opened(tmp_path):
    with pytest.raises(images.DamagedImageError, match="cannot be read"):
        images.read_image(tmp_path / "absent.jpg")
