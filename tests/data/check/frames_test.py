import shutil
import subprocess
import sys

import cv2
import damaged_dfew
import numpy as np
import pytest
from PIL import Image

from dfer_jax.data.check import frames as check_frames
from tfds_builders.images import MAX_BYTES, DamagedImageError

PIXELS = damaged_dfew.picture(1, 1)
JPEG = damaged_dfew.encode(PIXELS)
PNG = damaged_dfew.encode(PIXELS, ".png")


def write(folder, data, suffix=".jpg"):
    path = folder / f"1{suffix}"
    path.write_bytes(data)
    return path


def save(folder, mode, **options):
    path = folder / f"1{'.png' if options.pop('png', False) else '.jpg'}"
    image = Image.fromarray(PIXELS).convert(mode)
    if options.pop("clear", False):
        image.putalpha(7)
    image.save(path, **options)
    return path


@pytest.mark.parametrize(
    ("make", "grey"),
    [
        (lambda folder: write(folder, JPEG), False),
        (lambda folder: write(folder, PNG, ".png"), False),
        (lambda folder: write(folder, damaged_dfew.encode(PIXELS[..., 0])), True),
        (lambda folder: write(folder, damaged_dfew.encode(PIXELS[..., 0], ".png"), ".png"), True),
        (lambda folder: save(folder, "P", png=True), False),
        (lambda folder: save(folder, "RGB", progressive=True), False),
        (lambda folder: save(folder, "RGB", exif=b"Exif\0\0" + bytes(9000)), False),
        (lambda folder: write(folder, JPEG + bytes(100)), False),
        (lambda folder: write(folder, JPEG, ".JPEG"), False),
        (lambda folder: write(folder, PNG), False),
        (lambda folder: write(folder, JPEG, ".png"), False),
        (lambda folder: save(folder, "1", png=True), True),
        (lambda folder: save(folder, "RGBA", png=True), False),
        (lambda folder: write(folder, damaged_dfew.encode(PIXELS, ".bmp"), ".bmp"), False),
    ],
)
def test_quick_and_thorough_say_the_same_of_whole_frames(tmp_path, make, grey):
    path = make(tmp_path)
    facts = check_frames.check_thoroughly(path)
    assert facts[:4] == (path.stat().st_size, 64, 64, grey) and not facts.black
    assert check_frames.check_quickly(path) == facts


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: write(folder, b""),
        lambda folder: write(folder, JPEG[:-2]),
        lambda folder: write(folder, JPEG[:100]),
        lambda folder: write(folder, PNG[:-300], ".png"),
        lambda folder: write(folder, PNG[:20], ".png"),
        lambda folder: write(folder, damaged_dfew.jpeg_bomb(JPEG)),
        lambda folder: write(folder, damaged_dfew.png_bomb(9000), ".png"),
        lambda folder: save(folder, "CMYK"),
        lambda folder: save(folder, "LA", png=True, clear=True),
        lambda folder: folder / "absent.jpg",
        lambda folder: folder,
    ],
)
def test_quick_and_thorough_say_the_same_of_damaged_frames(tmp_path, make):
    path = make(tmp_path)
    with pytest.raises(DamagedImageError) as thorough:
        check_frames.check_thoroughly(path)
    with pytest.raises(DamagedImageError) as quick:
        check_frames.check_quickly(path)
    assert str(quick.value) == str(thorough.value)


def test_a_file_too_large_is_refused_without_reading_it_all(tmp_path):
    path = write(tmp_path, JPEG)
    with open(path, "r+b") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(DamagedImageError, match="larger than 32 MiB"):
        check_frames.check_quickly(path)


def test_hashes_of_jpeg_and_png_of_one_picture_agree(tmp_path):
    first = check_frames.hash_file(write(tmp_path, damaged_dfew.encode(PIXELS, quality=98)))
    second = check_frames.hash_file(write(tmp_path, PNG, ".png"))
    large = cv2.resize(PIXELS, (900, 900))  # decoded at a fraction of its size
    third = check_frames.hash_image(damaged_dfew.encode(large))
    for other in (second, third):
        assert np.bitwise_count(first ^ other).sum() <= 14


def peak_mib(root):
    """Returns the peak memory of a process that checks a tree, and its faults' kinds."""
    script = (
        "import sys\n"
        "from benchmarks.peak_memory import peak_bytes\n"
        "from dfer_jax.data.check.download import check_download\n"
        "result = check_download('dfew/full', sys.argv[1], thorough=True, processes=1)\n"
        "print(*sorted({f.kind for f in result.of('fault')}))\n"
        "print(peak_bytes() / 2**20)\n"
    )
    command = [sys.executable, "-c", script, str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    kinds, peak = done.stdout.splitlines()
    return float(peak), kinds


def test_memory_stays_bounded_on_decompression_bombs(tmp_path):
    root = tmp_path / "release"
    damaged_dfew.write(root)
    before, kinds = peak_mib(root)
    assert kinds == ""
    bombs = {11: (damaged_dfew.png_bomb(20_000), ".png"), 12: (damaged_dfew.jpeg_bomb(JPEG), "")}
    for clip, (data, suffix) in bombs.items():
        for number in (1, 9):
            path = damaged_dfew.frame(root, clip, number)
            path.unlink()
            (path.with_suffix(suffix) if suffix else path).write_bytes(data)
    damaged_dfew.FAULTS["huge file"].apply(root)
    after, kinds = peak_mib(root)
    assert kinds == "too_large"
    assert after - before < 80  # a file is read up to 32 MiB; a bomb takes 400 or 4,000 decoded
    shutil.rmtree(root)
