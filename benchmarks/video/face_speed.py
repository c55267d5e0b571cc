"""How many frames a second are decoded and searched for faces, and where the time goes.

A video of 640 x 360 pixels at 25 frames a second with one moving face (a rendered head, or the file
given) is read as `dfer crop` does: decode, follow, judge, cut out. Each part is timed on its own in
one process with one thread, so that the parts add up; on two cores two videos are read at once, or
one is decoded and searched while the other core runs the network.

    python -m benchmarks.video.face_speed --frames 300
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import av
import cv2
import numpy as np
from absl import app, flags

from benchmarks.video import pasted_faces
from dfer_jax import errors
from dfer_jax.video.decode import read_frames
from dfer_jax.video.faces import CropSettings, FaceTracker, crop_face, find_model
from dfer_jax.video.faces.appearance import seen
from dfer_jax.video.faces.landmarks import LandmarkNetwork, region_of_landmarks
from dfer_jax.video.faces.model_file import read_networks
from dfer_jax.video.faces.quality import judge_face
from dfer_jax.video.faces.scene_cut import SceneCuts

_VIDEO = flags.DEFINE_string("video", None, "A video with one face, instead of the rendered one.")
_FRAMES = flags.DEFINE_integer("frames", 300, "Of the rendered video.", lower_bound=2)

_Result = TypeVar("_Result")


def write_rendered(path: Path, frames: int) -> None:
    """Writes a video of a rendered head that wanders through a room."""
    head = pasted_faces.draw_head(1, roll=0)
    scene = pasted_faces.make_scene(np.random.default_rng(0))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width = pasted_faces.SCENE
        stream.pix_fmt = "yuv420p"
        for turn in np.linspace(0, 4 * np.pi, frames):
            centre = (320 + 120 * float(np.sin(turn)), 180 + 20 * float(np.cos(turn)))
            drawn, _ = pasted_faces.put(scene, head, size=150, centre=centre)
            picture = pasted_faces.as_picture(drawn)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def measure(path: Path) -> dict[str, float]:
    """Returns milliseconds of processor time a frame by part, of one video with one face."""
    spent: dict[str, float] = {}

    def timed(name: str, function: Callable[[], _Result]) -> _Result:
        start = time.process_time()
        result = function()
        spent[name] = spent.get(name, 0.0) + time.process_time() - start
        return result

    tracker, cuts = FaceTracker(find_model()), SceneCuts()
    landmarks = LandmarkNetwork(read_networks(find_model())[1])
    pictures = [f.picture for f in timed("decode", lambda: list(read_frames(path)))]
    tracker(pictures[0])  # OpenCV prepares its networks at the first use
    tracker.reset()
    for picture in pictures:
        faces = timed("follow, in all", lambda p=picture: tracker(p))
        timed("  of it: scene cuts", lambda p=picture: cuts.is_cut(p))
        for face in faces:
            region = region_of_landmarks(face.landmarks)
            timed("  of it: landmarks", lambda p=picture, r=region: landmarks(p, r))
            look = timed("  of it: look", lambda p=picture, f=face: seen(p, f.landmarks))
            timed("  of it: quality", lambda s=look, f=face: judge_face(s, f.landmarks, f.score))
            settings = CropSettings()
            timed("cut out", lambda p=picture, f=face, s=settings: crop_face(p, f.landmarks, s))
    return {name: 1000 * seconds / len(pictures) for name, seconds in spent.items()}


def main(argv: list[str]) -> None:
    """Prints the parts and the rate."""
    if argv[1:]:
        raise app.UsageError("it takes no arguments but flags")
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(_VIDEO.value or Path(folder) / "rendered.mp4")
        if not _VIDEO.value:
            write_rendered(path, _FRAMES.value)
        spent = measure(path)
    for name, milliseconds in spent.items():
        print(f"{name:22} {milliseconds:7.2f} ms a frame")
    total = sum(value for name, value in spent.items() if not name.startswith(" "))
    print(f"{'all':22} {total:7.2f} ms a frame: {1000 / total:.0f} frames/s a core")


if __name__ == "__main__":
    errors.run(main)
