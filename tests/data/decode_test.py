import io

import clip_dataset
import cv2
import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from dfer_jax.data import decode
from dfer_jax.errors import UserError


def jpeg(picture, *options):
    bgr = np.ascontiguousarray(picture[..., ::-1])
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 95, *options])[1].tobytes()


@pytest.fixture(scope="module")
def photo():
    return load_sample_image("china.jpg")[40:264, 100:324]


def test_equal_size_gives_the_pixels_another_decoder_sees(photo):
    out = decode.decode_frames([jpeg(photo)], np.array([0]), size=224, clip="c")
    expected = np.asarray(Image.open(io.BytesIO(jpeg(photo))))
    assert out.dtype == np.uint8 and np.abs(out[0].astype(int) - expected).max() <= 2


def whole(data, size=224):
    """Whether a frame decodes, with the error that names it if not."""
    try:
        decode.decode_frames([data], np.array([0]), size=size, clip="c")
    except UserError as error:
        assert str(error).startswith("frame 0 (counted from 0) of clip c is not a whole JPEG")
        return False
    return True


def averaging(side, size):
    """Matrix [size, side] that averages what each of `size` pixels covers of `side` pixels."""
    edges = np.linspace(0, side, size + 1)[:, None]
    pixels = np.arange(side)
    covered = np.minimum(edges[1:], pixels + 1) - np.maximum(edges[:-1], pixels)
    return covered.clip(0) * size / side


@pytest.mark.parametrize(
    ("height", "width", "size", "most", "mean"),
    [
        (224, 224, 112, 0.51, 0.3),  # whole blocks: equal but for rounding
        (336, 224, 112, 0.51, 0.3),
        (224, 224, 128, 12, 0.6),  # a sharp photograph; 5 and 0.2 on faces
        (224, 180, 100, 12, 0.5),
        (427, 640, 112, 3, 0.35),
    ],
)
def test_shrinking_averages_areas(height, width, size, most, mean):
    photo = np.ascontiguousarray(load_sample_image("china.jpg")[:height, :width])
    png = cv2.imencode(".png", photo[..., ::-1])[1].tobytes()
    out = decode.decode_frames([png], np.array([0]), size=size, clip="c")[0]
    down, across = averaging(height, size), averaging(width, size)
    expected = np.einsum("yh,hwc,xw->yxc", down, photo.astype(float), across, optimize=True)
    difference = np.abs(out - expected)
    assert difference.max() <= most and difference.mean() <= mean


@pytest.mark.parametrize("times", [2, 4, 8])
def test_shrinking_jpeg_by_a_power_of_two_is_near_the_average(times):
    photo = np.ascontiguousarray(load_sample_image("china.jpg")[:416, :416])
    stored = np.asarray(Image.open(io.BytesIO(jpeg(photo)))).astype(float)
    size = 416 // times
    out = decode.decode_frames([jpeg(photo)], np.array([0]), size=size, clip="c")[0]
    expected = stored.reshape(size, times, size, times, 3).mean((1, 3))
    difference = np.abs(out - expected)
    assert out.shape == (size, size, 3)
    assert 0 < difference.mean() < 1.3 and difference.max() < 28  # a sharp photograph
    assert abs((out - expected).mean()) < 0.3


def test_enlarging_is_bilinear(photo):
    stored = cv2.imdecode(np.frombuffer(jpeg(photo), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    expected = cv2.resize(np.ascontiguousarray(stored), (300, 300), interpolation=cv2.INTER_LINEAR)
    out = decode.decode_frames([jpeg(photo)], np.array([0]), size=300, clip="c")
    np.testing.assert_array_equal(out[0], expected)


def test_only_wanted_frames_are_decoded_and_each_once(monkeypatch):
    decoded = []
    original = decode._decode
    monkeypatch.setattr(
        decode,
        "_decode",
        lambda data, size, place: (
            decoded.append(place[0]) or original(data, size=size, place=place)
        ),
    )
    frames = [clip_dataset.jpeg_of(3, i) for i in range(9)]
    frames[8] = b"not read"
    out = decode.decode_frames(frames, np.array([0, 0, 4, 4, 4, 7, 0]), size=32, clip="3")
    assert decoded == [0, 4, 7]
    assert [clip_dataset.numbers_in(p) for p in out] == [(3, i) for i in (0, 0, 4, 4, 4, 7, 0)]


def test_exif_rotation_is_ignored():
    data = clip_dataset.jpeg_of(1, 77)
    tag = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    turned = data[:2] + b"\xff\xe1" + (len(tag) + 2).to_bytes(2, "big") + tag + data[2:]
    seen = cv2.imdecode(np.frombuffer(turned, np.uint8), cv2.IMREAD_COLOR)
    assert clip_dataset.numbers_in(seen) != (1, 77)  # the tag is one that OpenCV obeys
    out = decode.decode_frames([turned], np.array([0]), size=32, clip="1")
    assert clip_dataset.numbers_in(out[0]) == (1, 77)


@pytest.mark.parametrize(
    "damage",
    [
        "half",
        "half with an end",
        "no end marker",
        "overwritten",
        "empty",
        "half png",
        "bmp",
        "text",
    ],
)
@pytest.mark.parametrize("size", [64, 112])  # 112 is half of the photo's side
def test_damaged_frames_are_named(photo, damage, size):
    data = jpeg(photo)
    png, bmp = (cv2.imencode(kind, photo)[1].tobytes() for kind in (".png", ".bmp"))
    damaged = {
        "half": data[: len(data) // 2],
        "half with an end": data[: len(data) // 2] + b"\xff\xd9",
        "overwritten": data[:5000] + b"\x55" * 200 + data[5200:],
        "no end marker": data[:-2],
        "empty": b"",
        "half png": png[: len(png) // 2],
        "bmp": bmp,
        "text": b"<html>",
    }[damage]
    with pytest.raises(
        UserError, match=r"^frame 1 .* of clip 00042 is not a whole JPEG or PNG image; "
    ):
        decode.decode_frames([data, damaged], np.array([0, 1]), size=size, clip="00042")


def test_a_thumbnail_does_not_hide_a_truncation(photo):
    thumbnail = jpeg(photo[::8, ::8])
    data = jpeg(photo)
    segment = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    with_thumbnail = data[:2] + segment + data[2:]
    assert whole(with_thumbnail)
    assert whole(with_thumbnail + b"\0" * 10)  # padded by a camera or an archive
    assert not whole(with_thumbnail[: len(with_thumbnail) - 200])


def test_progressive_jpeg(photo):
    data = jpeg(photo, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    assert whole(data) and not whole(data[:-500])


def test_jpeg_in_four_colours(photo):
    file = io.BytesIO()
    Image.fromarray(photo).convert("CMYK").save(file, "JPEG")
    expected = cv2.imdecode(np.frombuffer(file.getvalue(), np.uint8), cv2.IMREAD_COLOR)
    out = decode.decode_frames([file.getvalue()], np.array([0]), size=224, clip="c")
    np.testing.assert_array_equal(out[0], expected[..., ::-1])


def test_png_and_grey_frames(photo):
    png = cv2.imencode(".png", photo[..., ::-1])[1].tobytes()
    grey = cv2.imencode(".jpg", photo[..., 1])[1].tobytes()
    out = decode.decode_frames([png, grey], np.array([0, 1]), size=224, clip="c")
    np.testing.assert_array_equal(out[0], photo)
    assert (out[1] == out[1][..., :1]).all() and np.abs(
        out[1, ..., 0] - 1.0 * photo[..., 1]
    ).mean() < 5
