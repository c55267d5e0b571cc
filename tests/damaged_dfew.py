"""Writes a DFEW-shaped tree of textured frames, and damages it in every way that occurs.

`FAULTS` are damages that the builder refuses, `REMARKS` those that it builds nevertheless. Each is
a function that damages the tree, with the kind of finding and a text that has to name the place.
"""

import os
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import dfew_tree
import numpy as np

CLIPS = [
    dfew_tree.Clip(clip, frames, clip % 7 + 1, clip % 5 + 1)
    for clip, frames in zip(range(11, 31), [20, 18, 17, 16, 21] * 4, strict=True)
]
_FREE_ID = 900


class Damage(NamedTuple):
    """A damage: what does it, the kind it is reported as, and what the report has to say."""

    apply: Callable[[Path], None]
    kind: str
    text: str


def picture(clip: int, frame: int, *, side: int = 64) -> np.ndarray:
    """Returns a texture [side, side, 3] with detail of every size, as faces have it.

    It drifts from frame to frame, and each clip has another.
    """
    rng = np.random.default_rng(clip)
    large = np.full((side + 32, side + 32, 3), 128, np.float32)
    for cells, strength in ((4, 40), (10, 25), (24, 15), (48, 10)):
        grid = rng.normal(size=(cells, cells, 3)).astype(np.float32) * strength
        large += cv2.resize(grid, large.shape[:2], interpolation=cv2.INTER_CUBIC)
    return large[frame : frame + side, frame : frame + side].clip(10, 220).astype(np.uint8)


def folder(root: Path, clip: int) -> Path:
    """Returns the folder of a clip."""
    return dfew_tree.clip_folder(root, clip)


def frame(root: Path, clip: int, number: int) -> Path:
    """Returns the file of a frame, counted from 1."""
    return folder(root, clip) / dfew_tree.frame_name(clip, number)


def encode(pixels: np.ndarray, suffix: str = ".jpg", *, quality: int = 92) -> bytes:
    """Returns an encoded picture."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if suffix == ".jpg" else []
    return cv2.imencode(suffix, pixels, options)[1].tobytes()


def write(root: Path, clips: list[dfew_tree.Clip] = CLIPS) -> None:
    """Writes the sound tree."""
    for clip in clips:
        write_clip(root, clip.id, clip.frames)
    dfew_tree.write_noise(folder(root, clips[0].id))
    dfew_tree.write_lists(root, clips)


def write_clip(root: Path, clip: int, frames: int) -> None:
    """Writes the frames of one clip."""
    folder(root, clip).mkdir(parents=True)
    for number in range(1, frames + 1):
        frame(root, clip, number).write_bytes(encode(picture(clip, number)))


def list_file(root: Path, fold: int, split: str = "test") -> Path:
    """Returns the list of a split and fold."""
    return dfew_tree.list_folder(root, split) / f"set_{fold}.csv"


def add_row(root: Path, row: str, *, fold: int = 1) -> None:
    """Appends a row to the test list of a fold."""
    with open(list_file(root, fold), "a") as file:
        file.write(row + "\n")


def jpeg_bomb(data: bytes) -> bytes:
    """Returns a JPEG whose header announces 65,500 x 65,500 pixels."""
    place = data.index(b"\xff\xc0") + 5
    return data[:place] + (65500).to_bytes(2, "big") * 2 + data[place + 4 :]


def png_bomb(side: int) -> bytes:
    """Returns a sound grey PNG of side x side zeros: a gigabyte in a megabyte at 32,000."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + kind + data + check

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(side + 1)) for _ in range(side)) + packer.flush()
    head = side.to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    ends = chunk(b"IHDR", head), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + ends[0] + chunk(b"IDAT", rows) + ends[1]


def cmyk(pixels: np.ndarray) -> bytes:
    """Returns a JPEG in CMYK colours."""
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).convert("CMYK").save(file, "JPEG")
    return file.getvalue()


def _put(clip: int, number: int, data: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def damage(root: Path) -> None:
        path = frame(root, clip, number)
        path.write_bytes(data(path.read_bytes()))

    return damage


def _huge_file(root: Path) -> None:
    os.truncate(frame(root, 14, 2), 40 * 2**30)  # takes no room on disk


def _png(root: Path, clip: int, number: int, data: bytes) -> None:
    frame(root, clip, number).unlink()
    frame(root, clip, number).with_suffix(".png").write_bytes(data)


def _link(path: Path, target: Path) -> None:
    """Moves a file or folder next to the root and leaves a link to it."""
    target.parent.mkdir(exist_ok=True)
    shutil.move(path, target)
    path.symlink_to(target)


def _outside(root: Path, name: str) -> Path:
    return root.parent / f"{root.name}-outside" / name


def _empty(root: Path) -> None:
    for path in folder(root, 27).iterdir():
        path.unlink()


FAULTS = {
    "truncated": Damage(_put(11, 4, lambda data: data[: len(data) // 2]), "truncated",
                        "00011/00011_00004.jpg: truncated"),
    "zero bytes": Damage(_put(11, 5, lambda data: b""), "empty_file",
                         "00011/00011_00005.jpg: the file is empty"),
    "text": Damage(_put(11, 6, lambda data: b"not an image " * 20), "wrong_type",
                   "00011/00011_00006.jpg: not a JPEG"),
    "tiff named jpg": Damage(_put(11, 7, lambda data: encode(picture(11, 7), ".tiff")),
                             "wrong_type", "00011/00011_00007.jpg: not a JPEG, PNG, BMP or WebP "
                             "image but a TIFF image"),
    "page named png": Damage(lambda root: _png(root, 11, 8, b"<html>sign in</html>"), "wrong_type",
                             "00011/00011_00008.png: not a JPEG, PNG, BMP or WebP image but a web"),
    "cut png": Damage(lambda root: _png(root, 11, 9, encode(picture(11, 9), ".png")[:-300]),
                      "truncated", "00011/00011_00009.png: truncated"),
    "cmyk": Damage(_put(11, 10, lambda data: cmyk(picture(11, 10))), "colours",
                   "00011/00011_00010.jpg: a JPEG image in"),
    "jpeg bomb": Damage(_put(12, 4, jpeg_bomb), "too_large",
                        "00012/00012_00004.jpg: 65500 x 65500 pixels"),
    "png bomb": Damage(lambda root: _png(root, 12, 5, png_bomb(9000)), "too_large",
                       "00012/00012_00005.png: 9000 x 9000 pixels"),
    "huge file": Damage(_huge_file, "too_large", "00014/00014_00002.jpg: the file is larger"),
    "missing clip": Damage(lambda root: shutil.rmtree(folder(root, 26)), "missing_clip",
                           "clip 00026: no folder"),
    "empty clip": Damage(_empty, "empty_clip", "clip 00027: no image in its folder"),
    "label 0": Damage(lambda root: add_row(root, "40,0"), "label", "label '0' of clip 00040"),
    "label 8": Damage(lambda root: add_row(root, "41,8", fold=2), "label",
                      "label '8' of clip 00041"),
    "same row twice": Damage(lambda root: add_row(root, "12,6", fold=3), "duplicate_row",
                             "clip 00012 is already in line"),
    "conflicting row": Damage(lambda root: add_row(root, "13,3", fold=4), "duplicate_row",
                              "with label 7, here 3"),
    "unknown id": Damage(lambda root: add_row(root, "20000,1", fold=5), "unknown_clip",
                         "unknown clip id '20000'"),
    "odd row": Damage(lambda root: add_row(root, "14;3", fold=5), "unknown_clip", "1 columns"),
    "two test lists": Damage(lambda root: add_row(root, "15,2", fold=5), "lists_disagree",
                             "clip 00015 is in the test lists of folds 1 and 5"),
    "number twice": Damage(lambda root: shutil.copy(frame(root, 13, 2), folder(root, 13) / "2.jpg"),
                           "duplicate_number", "00013/2.jpg: has the frame number of"),
    "no number": Damage(lambda root: shutil.copy(frame(root, 13, 2), folder(root, 13) / "face.jpg"),
                        "odd_name", "00013/face.jpg: has no frame number"),
    "frame of another": Damage(lambda root: shutil.copy(frame(root, 12, 2), folder(root, 13)),
                               "odd_name", "00013/00012_00002.jpg: is a frame of clip 00012"),
    "folder named jpg": Damage(lambda root: (folder(root, 13) / "00013_00099.jpg").mkdir(),
                               "odd_name", "00013_00099.jpg: is not a file"),
    "frame link out": Damage(lambda root: _link(frame(root, 16, 3), _outside(root, "a.jpg")),
                             "link_out", "00016_00003.jpg: is a link out of manual_dir"),
    "clip link out": Damage(lambda root: _link(folder(root, 17), _outside(root, "00017")),
                            "link_out", "00017: a link to"),
    "list link out": Damage(lambda root: _link(list_file(root, 4, "train"), _outside(root, "4")),
                            "link_out", "set_4.csv: a link to"),
    "two folders": Damage(lambda root: shutil.copytree(folder(root, 18), root / "Clip" / "00018"),
                          "two_folders", "clip 00018 has two folders"),
}  # fmt: skip


def copy_of(root: Path, clip: int, new: int, *, cut: int = 3, side: int = 80) -> None:
    """Makes a clip a re-encoded, brighter, larger copy of another, cut at its start."""
    shutil.rmtree(folder(root, new))
    folder(root, new).mkdir()
    paths = sorted(folder(root, clip).glob("0*.jpg"))[cut:]
    for number, path in enumerate(paths, start=1):
        pixels = np.clip(cv2.imread(str(path)) * 1.1, 0, 255).astype(np.uint8)
        larger = cv2.resize(pixels, (side, side))
        frame(root, new, number).write_bytes(encode(larger, quality=60))


def _stray(root: Path) -> None:
    (folder(root, 19) / "notes.txt").write_text("x")


def _misnamed(root: Path) -> None:
    shutil.copytree(folder(root, 19), folder(root, 19).with_name("00019 (1)"))


REMARKS = {
    "gap": Damage(lambda root: frame(root, 19, 5).unlink(), "gap", "00019 (1 numbers up to 16)"),
    "stray file": Damage(_stray, "stray_file", "00019/notes.txt"),
    "misnamed folder": Damage(_misnamed, "misnamed_folder", "00019 (1)"),
    "loose image": Damage(lambda root: shutil.copy(frame(root, 19, 1), root / "Clip"), "loose_file",
                          "Clip/00019_00001.jpg"),
    "mixed sizes": Damage(_put(20, 3, lambda data: encode(picture(20, 3, side=48))), "mixed_sizes",
                          "00020 (48x48, 64x64)"),
    "same label": Damage(lambda root: copy_of(root, 21, 28), "leak",
                         "00021 (fd2, happiness) = 00028 (fd4, happiness)"),
    "other label": Damage(lambda root: copy_of(root, 22, 25), "leak",
                          "00022 (fd3, sadness) = 00025 (fd1, surprise)"),
    "grey": Damage(_put(23, 4, lambda data: encode(picture(23, 4)[..., 0])), "grey",
                   "00023 (1 of 17)"),
    "short clip": Damage(lambda root: [frame(root, 24, n).unlink() for n in range(9, 17)],
                         "short_clip", "00024 (8)"),
    "unlisted clip": Damage(lambda root: write_clip(root, _FREE_ID, 16), "unlisted", "00900"),
}  # fmt: skip
