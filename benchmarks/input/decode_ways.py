"""Ways to decode a JPEG frame and shrink it, their times, and how far they move a network's output.

Flag-free part of `decode_choices`.
"""

import dataclasses
import functools
import io
import itertools
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import cv2
import jax
import numpy as np
import simplejpeg
from jaxtyping import Array, Float, UInt8
from PIL import Image

from dfer_jax.data import decode
from dfer_jax.models import create_model
from dfer_jax.runs import checkpoint
from dfer_jax.runtime import parallel
from dfer_jax.training import network
from dfer_jax.training.augment.crops import resize_clips

Picture = UInt8[np.ndarray, "h w 3"]
Way = Callable[[bytes], Picture]
_EXACT = "OpenCV, areas (exact)"
_EIGHTHS = range(1, 9)  # libjpeg-turbo decodes to k/8 of the size


def _opencv(data: bytes) -> Picture:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)


def _to(size: int, interpolation: int, picture: Picture) -> Picture:
    return cv2.resize(picture, (size, size), interpolation=interpolation)


def _scaled(size: int, data: bytes) -> Picture:
    """Decodes to the smallest number of eighths that is not below `size`."""
    side = simplejpeg.decode_jpeg_header(data)[0]
    least = min((-(-side * k // 8) for k in _EIGHTHS if -(-side * k // 8) >= size), default=side)
    return simplejpeg.decode_jpeg(data, min_height=least, min_width=least)


def _half(data: bytes) -> Picture:
    side = simplejpeg.decode_jpeg_header(data)[0]
    return simplejpeg.decode_jpeg(data, min_height=side // 2, min_width=side // 2)


def _pillow(size: int, data: bytes) -> Picture:
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    return np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR))


def choices(size: int) -> dict[str, Way]:
    """Returns ways from a JPEG frame to a picture of this size, by name; the first is exact."""
    areas, bilinear = (functools.partial(_to, size, i) for i in (cv2.INTER_AREA, cv2.INTER_LINEAR))
    blocks = functools.partial(decode.resize_square, size=size)
    turbo, first = simplejpeg.decode_jpeg, np.zeros(1, np.int64)
    fast = functools.partial(turbo, fastdct=True, fastupsample=True)
    return {
        _EXACT: lambda data: areas(_opencv(data)),
        "OpenCV, bilinear": lambda data: bilinear(_opencv(data)),
        "turbo, areas": lambda data: areas(turbo(data)),
        "turbo, blocks": lambda data: blocks(turbo(data)),
        "turbo, bilinear": lambda data: bilinear(turbo(data)),
        "turbo, fast upsampling, blocks": lambda data: blocks(turbo(data, fastupsample=True)),
        "turbo, fast DCT + ups., blocks": lambda data: blocks(fast(data)),
        "turbo, DCT-scaled, blocks": lambda data: blocks(_scaled(size, data)),
        "turbo, half size, to fit": lambda data: blocks(_half(data)),
        "dfer_jax": lambda data: decode.decode_frames([data], first, size=size, clip="")[0],
        "Pillow, its bilinear": functools.partial(_pillow, size),
    }


@dataclasses.dataclass(frozen=True)
class Network:
    """The network that judges the pictures: a checkpoint's, or one with random weights.

    Attributes:
        size: side of the decoded frames it expects, in pixels.
        frames: of a clip.
        logits: of one clip, uint8 [1, t, s, s, 3] to float32 [1, k].
    """

    size: int
    frames: int
    logits: Callable[[np.ndarray], jax.Array]


def load_network(workdir: str | None, *, size: int) -> Network:
    """Returns the last checkpoint of a run, or GCA+IAL with random weights for frames of `size`."""
    if workdir:
        step = checkpoint.list_checkpoints(workdir, best_metric="war")["last"]
        variables, metadata = checkpoint.load_weights(workdir, step)
        size = metadata["preprocess"]["decode_size"]
        about, devices = metadata["model"], parallel.over(jax.devices()[:1])
        model = network.create_model(**about, dtype="float32", parallel=devices)
    else:
        model = create_model("gca_ial")
        clip = np.zeros((1, model.num_frames, model.image_size, model.image_size, 3), np.float32)
        init = jax.jit(functools.partial(model.init, train=False))
        variables = init(jax.random.key(0), clip)

    @jax.jit
    def logits(clips: UInt8[Array, "b t s s 3"]) -> Float[Array, "b k"]:
        scaled = resize_clips(clips, image_size=model.image_size)
        return model.apply(variables, scaled, train=False)[0]

    return Network(size, model.num_frames, logits)


def compare(
    ways: Mapping[str, Way], clips: Sequence[list[bytes]], network: Network
) -> tuple[dict[str, dict[str, float]], float]:
    """Returns how far each way moves pixels (levels) and logits from the first way's.

    And, to compare with, the standard deviation of the logits over clips, averaged over classes.
    """
    rows, exact, exact_logits = {}, None, None
    for name, way in ways.items():
        pictures = np.stack([[way(data) for data in clip] for clip in clips])
        logits = np.concatenate([network.logits(clip[None, : network.frames]) for clip in pictures])
        if exact is None:
            exact, exact_logits = pictures.astype(np.int16), logits
        pixels, moved = np.abs(pictures - exact), np.abs(logits - exact_logits)
        rows[name] = {
            "pixels_mean": float(pixels.mean()),
            "pixels_max": int(pixels.max()),
            "logits_mean": float(moved.mean()),
            "logits_max": float(moved.max()),
            "predictions_changed": int((logits.argmax(1) != exact_logits.argmax(1)).sum()),
        }
    return rows, float(np.std(exact_logits, axis=0).mean())


def times(ways: Mapping[str, Way], clips: Sequence[list[bytes]], repeats: int) -> dict[str, float]:
    """Returns milliseconds of processor time per clip, medians of interleaved repeats."""
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _, clip in itertools.product(range(repeats), clips):
        for name, way in ways.items():
            start = time.thread_time()
            for data in clip:
                way(data)
            spent[name].append(1000 * (time.thread_time() - start))
    return {name: statistics.median(each) for name, each in spent.items()}
