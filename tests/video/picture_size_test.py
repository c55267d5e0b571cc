import pytest
from encoded_pictures import encoded, jpeg_of_scans, jpeg_promising, png_promising

from dfer_jax.video import picture_size
from dfer_jax.video.picture_size import PictureSizeError


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_size_of_a_picture(suffix):
    assert picture_size.picture_size(encoded(suffix)) == (16, 16)


@pytest.mark.parametrize("promising", [jpeg_promising, png_promising])
@pytest.mark.parametrize(("height", "width"), [(65500, 65500), (8193, 1), (1, 8193), (6001, 6000)])
def test_a_large_promise_is_refused(promising, height, width):
    with pytest.raises(PictureSizeError) as caught:
        picture_size.picture_size(promising(height, width))
    assert str(caught.value) == (
        f"{height} x {width} pixels; more than 8192 a side or 36 million in all is refused"
    )


@pytest.mark.parametrize("promising", [jpeg_promising, png_promising])
@pytest.mark.parametrize("size", [(4320, 7680), (7680, 4320), (6000, 6000)])
def test_the_largest_pictures_are_taken(promising, size):
    assert picture_size.picture_size(promising(*size)) == size


def test_no_pixels():
    with pytest.raises(PictureSizeError, match=r"^0 x 5 pixels; no picture is that small$"):
        picture_size.picture_size(png_promising(0, 5))


def test_passes_over_the_picture_are_counted():
    assert picture_size.picture_size(jpeg_of_scans(80)) == (16, 16)
    with pytest.raises(PictureSizeError, match=r"JPEG image of \d+ scans; more than 100 is ref"):
        picture_size.picture_size(jpeg_of_scans(200))


@pytest.mark.parametrize("data", [b"", b"BM", b"\xff\xd8", encoded(".png")[:20]])
def test_other_bytes(data):
    with pytest.raises(ValueError):
        picture_size.picture_size(data)
