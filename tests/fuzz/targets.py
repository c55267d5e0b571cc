"""Everything that reads files of others: how it is called, whole inputs, what it may raise."""

import dataclasses
import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openpyxl
from encoded_pictures import encoded
from safetensors.numpy import save
from video_files import picture, write_video

from dfer_jax.data.decode import decode_frames
from dfer_jax.errors import UserError
from dfer_jax.interop.state_dict import read_state_dict
from dfer_jax.labels import CLASSES
from dfer_jax.runs.read_files import read_config, read_json, read_metrics
from dfer_jax.video.container import VideoError
from dfer_jax.video.decode import encode_clip
from dfer_jax.video.faces import CropSettings
from dfer_jax.video.faces.settings_file import read_settings
from tfds_builders.aff_wild2 import annotations
from tfds_builders.conversion import DamagedImageError
from tfds_builders.cremad import tables as cremad_tables
from tfds_builders.dfew import lists as dfew_lists
from tfds_builders.dfew import votes
from tfds_builders.ferv39k import lists as ferv39k_lists
from tfds_builders.images import read_image
from tfds_builders.mafw import lists as mafw_lists
from tfds_builders.named_clips import Found
from tfds_builders.video_folder.table import read_table

GOLDEN = Path(__file__).parents[1] / "golden"


@dataclasses.dataclass(frozen=True)
class Target:
    """A reader.

    Attributes:
        name: of the file it reads.
        read: takes its path.
        seeds: whole inputs, which are mutated.
        refusals: what it raises for others, in one sentence.
    """

    name: str
    read: Callable[[Path], object]
    seeds: tuple[bytes, ...]
    refusals: tuple[type[Exception], ...] = (UserError,)


def npz() -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, w=np.arange(6.0).reshape(2, 3), b=np.array(1))
    return file.getvalue()


def sheet() -> bytes:
    book, file = openpyxl.Workbook(), io.BytesIO()
    book.active.append([*CLASSES, "order", "label"])
    book.active.append([4, 1, 1, 1, 1, 1, 1, 1, 1])
    book.save(file)
    return file.getvalue()


def video(name: str, **how: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return write_video(Path(folder) / name, [picture(n) for n in range(6)], **how).read_bytes()


def decode(path: Path) -> np.ndarray:
    return decode_frames([path.read_bytes()], np.array([0]), size=16, clip="a")


def votes_of(path: Path) -> object:
    return votes.parse_rows(votes._read_table(path))


def check_video(path: Path) -> object:
    return encode_clip(path, shorter_side=32, max_frames=100)


ROW = b'{"step": 1, "epoch": 0.5, "train/loss": 1.5}\n'
CONFIG = b'{"data": {"dataset": "dfew/full", "size": 112}, "fold": 1, "name": null}'
JPEGS = (encoded(".jpg"), encoded(".jpg", 2, 1))
TABLE = b"path,label,split,group\na.mp4,happiness,train,anna\nb.mp4,sadness,test,ben\n"
TABLE_UTF16 = TABLE.decode().encode("utf-16")
TARGETS = {
    "table of a video folder": Target("labels.csv", read_table, (TABLE, TABLE_UTF16)),
    "list of DFEW": Target(
        "a.csv",
        lambda path: dfew_lists.read_list(path, name="a", problems=[]),
        (b"video_name,label\n00001,1\n00002,7\n",),
        (),
    ),
    "votes of DFEW": Target("a.xlsx", votes_of, (sheet(),), (votes.SheetError,)),
    "list of FERV39k": Target(
        "a.csv",
        lambda path: ferv39k_lists.read_list(path, split="train", name="a", problems=[]),
        (b"Action/Happy/0267 Happy\nAction/Sad/0002 Sad\n",),
        (),
    ),
    "list of MAFW": Target(
        "a.txt",
        lambda path: mafw_lists.read_list(path, which="compound", name="a", problems=[]),
        (b"00025.mp4 anger\r\n00026.mp4 sadness_helplessness\r\n",),
        (),
    ),
    "votes of CREMA-D": Target(
        "summaryTable.csv",
        lambda path: cremad_tables.read_votes(
            Found(path.parent, tables={cremad_tables.VOTES: [path]})
        ),
        (b'"","FileName","FaceVote"\n"1","1001_DFA_ANG_XX","A"\n"2","1001_DFA_DIS_XX","D:H"\n',),
    ),
    "expressions of Aff-Wild2": Target(
        "a.txt",
        lambda path: annotations.read(path, track="expr"),
        (b"Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise,Other\n0\n4\n-1\n",),
        (annotations.AnnotationError,),
    ),
    "action units of Aff-Wild2": Target(
        "a.txt",
        lambda path: annotations.read(path, track="au"),
        (b"AU1,AU2,AU4,AU6,AU7,AU10,AU12,AU15,AU23,AU24,AU25,AU26\n" + b"0,1," * 5 + b"1,-1\n",),
        (annotations.AnnotationError,),
    ),
    "JSON of a run": Target("a.json", lambda path: read_json(str(path)), (CONFIG,)),
    "config of a run": Target(
        "config.json", lambda path: read_config(str(path.parent)), (CONFIG,)
    ),
    "metrics of a run": Target(
        "metrics.jsonl", lambda path: read_metrics(str(path.parent)), (ROW,)
    ),
    "JPEG, checked": Target("a.jpg", read_image, JPEGS, (DamagedImageError,)),
    "PNG, checked": Target("a.png", read_image, (encoded(".png"),), (DamagedImageError,)),
    "BMP, checked": Target("a.bmp", read_image, (encoded(".bmp"),), (DamagedImageError,)),
    "WebP, checked": Target("a.webp", read_image, (encoded(".webp"),), (DamagedImageError,)),
    "picture, decoded": Target("a.jpg", decode, (*JPEGS, encoded(".png"))),
    "MP4": Target("a.mp4", check_video, (video("a.mp4"),), (VideoError,)),
    "Matroska": Target("a.mkv", check_video, (video("a.mkv"),), (VideoError,)),
    "AVI": Target(
        "a.avi", check_video, (video("a.avi", codec="mjpeg", pixels="yuvj420p"),), (VideoError,)
    ),
    "settings of crops": Target(
        "crop_settings.json",
        lambda path: read_settings(path.parent),
        (json.dumps(CropSettings().to_json()).encode(),),
    ),
    "npz": Target("a.npz", lambda path: read_state_dict(str(path)), (npz(),)),
    "safetensors": Target(
        "a.safetensors", lambda path: read_state_dict(str(path)), (save({"w": np.arange(6.0)}),)
    ),
    "PyTorch": Target(
        "a.pth",
        lambda path: read_state_dict(str(path)),
        tuple(path.read_bytes() for path in sorted(GOLDEN.glob("torch_*.pth"))),
    ),
}  # fmt: skip
