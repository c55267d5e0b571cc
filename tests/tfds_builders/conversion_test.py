import io
import struct

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from dfer_jax.video.png import decode_png
from tfds_builders import images
from tfds_builders.conversion import DamagedImageError

NOISE = np.random.default_rng(0).integers(0, 256, (8, 10, 3), np.uint8)
PIXELS = cv2.resize(NOISE, (80, 64), interpolation=cv2.INTER_CUBIC)


def saved(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def stored_pixels(image):
    """Decodes what is stored, as training does."""
    return decode_png(image.data)


def turned_by(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize(
    ("data", "change"),
    [
        (saved(Image.fromarray(PIXELS), "BMP"), "BMP"),
        (saved(Image.fromarray(PIXELS), "WEBP", lossless=True), "WEBP"),
        (cv2.imencode(".bmp", np.dstack([PIXELS[..., ::-1], np.full((64, 80), 255, np.uint8)]))[1]
         .tobytes(), "BMP"),
        (saved(Image.fromarray(PIXELS).convert("RGBA"), "PNG"),
         "without the alpha channel, which hides nothing"),
        (cv2.imencode(".png", PIXELS[..., ::-1].astype(np.uint16) * 257)[1].tobytes(),
         "16 bits to 8"),
    ],
    ids=["BMP", "WebP", "BMP of 32 bits", "opaque PNG", "PNG of 16 bits"],
)  # fmt: skip
def test_the_pixels_stay_the_same(data, change):
    image = images.check_image(data)
    np.testing.assert_array_equal(stored_pixels(image), PIXELS)
    assert image.change.startswith(change) and (image.height, image.width) == (64, 80)


def test_grey_stays_grey():
    grey = Image.fromarray(PIXELS[..., 0])
    deep = cv2.imencode(".png", PIXELS[..., 0].astype(np.uint16) << 8)[1].tobytes()
    for data in (saved(grey, "BMP"), deep):
        image = images.check_image(data)
        assert image.grey
        np.testing.assert_array_equal(stored_pixels(image)[..., 0], PIXELS[..., 0])
    bits = grey.convert("1")
    image = images.check_image(saved(bits, "PNG"))
    assert image.change == "1 bit to 8" and image.grey
    np.testing.assert_array_equal(stored_pixels(image)[..., 0], np.asarray(bits) * np.uint8(255))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_as_exif_says(kind, orientation):
    options = {"exif": turned_by(orientation)} | ({"lossless": True} if kind == "WEBP" else {})
    data = saved(Image.fromarray(PIXELS), kind, **options)
    image = images.check_image(data)
    if orientation == 1 and kind != "WEBP":
        assert image.data == data and image.change == ""
        return
    assert ("turned upright, as EXIF says" in image.change) == (orientation > 1)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    assert (image.width, image.height) == upright.size
    np.testing.assert_array_equal(stored_pixels(image), np.asarray(upright.convert("RGB")))


def test_exif_data_that_are_cut_short_turn_nothing():
    data = saved(Image.fromarray(PIXELS), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\0\0")
    assert images.check_image(data).data == data


def with_hole(mode):
    image = Image.fromarray(PIXELS).convert(mode)
    image.putalpha(Image.fromarray(np.where(np.arange(80) < 20, 0, 255).astype(np.uint8)[None]
                                   .repeat(64, 0)))  # fmt: skip
    return image


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (saved(with_hole("RGB"), "PNG"), "a PNG image of which 25% is transparent; put it on a "
         "ground, as with magick mogrify -background black -alpha remove -alpha off FILE"),
        (saved(with_hole("RGB"), "WEBP", lossless=True), "a WEBP image of which 25% is transp"),
        (saved(with_hole("L"), "PNG"), "a PNG image of which 25% is transparent"),
        (saved(Image.fromarray(PIXELS[..., 0]).convert("P"), "PNG", transparency=128),
         "is transparent"),
        (cv2.imencode(".png", PIXELS[..., 0].astype(np.uint16) * 4)[1].tobytes(),
         "a 16-bit image of values up to 1,0.* only, black in 8 bits; stretch it to 65,535, as "
         "with magick mogrify -evaluate multiply 16 FILE"),
        (saved(Image.fromarray(PIXELS), "GIF"), "image but a GIF image"),
        (saved(Image.fromarray(PIXELS), "TIFF"), "image but a TIFF image"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "but a HEIC image, as phones write"),
        (b"version https://git-lfs.github.com/spec/v1\n", "but a pointer of git-lfs"),
        (saved(Image.fromarray(PIXELS), "WEBP")[:-40], "truncated or damaged WEBP image"),
        (saved(Image.fromarray(PIXELS), "BMP")[:-40], "truncated or damaged BMP image"),
        (saved(Image.fromarray(PIXELS), "PNG", save_all=True,
               append_images=[Image.fromarray(PIXELS[::-1].copy())]),
         "an animated PNG image of 2 pictures"),
        (saved(Image.fromarray(PIXELS), "WEBP", save_all=True,
               append_images=[Image.fromarray(PIXELS[::-1].copy())]),
         "an animated WEBP image of 2 pictures"),
        (saved(Image.fromarray(PIXELS), "BMP")[:18] + struct.pack("<ii", 60000, 60000),
         "60000 x 60000 pixels|truncated"),
        (b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xff\x3f\0" * 2,
         "16384 x 16384 pixels; more than 8192 a side"),
    ],
)  # fmt: skip
def test_what_cannot_be_stored_is_named(data, why):
    with pytest.raises(DamagedImageError, match=why):
        images.check_image(data)


def test_black_frames_are_seen():
    black = np.zeros((8, 8, 3), np.uint8)
    for suffix in (".bmp", ".png", ".jpg"):
        assert images.check_image(cv2.imencode(suffix, black)[1].tobytes()).black
        dim = cv2.imencode(suffix, black + 9)[1].tobytes()
        assert not images.check_image(dim).black
