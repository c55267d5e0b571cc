r"""Says which expressions the faces in videos show, and when.

    dfer predict talk.mp4 --weights runs/dfew_fold1 --out results
    dfer predict films/ --weights runs/a,runs/b --window=2.4s --stride=0.5s --out results
    dfer predict crops/clip_007 --cropped --weights runs/synthetic --out results

VIDEO is a video, a still, a folder of frames, or a folder of any of these. Each gets in --out a
table `<name>.csv`, one row per face and window, and a summary `<name>.json`. Frames without a face
have their row. Several --weights are averaged. A video that is damaged half-way, and Ctrl-C, keep
what was found until then.

Exit codes: 0 done, 1 something could not be read or written, 2 bad usage, 130 stopped by Ctrl-C.
"""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from absl import app, flags, logging

from dfer_jax import errors
from dfer_jax.errors import StoppedError, UserError

if TYPE_CHECKING:
    from dfer_jax.recognition.recognizer import Recognizer
    from dfer_jax.recognition.sources import Source

_WEIGHTS = flags.DEFINE_list("weights", None, "Work directory of a run; several, by comma")
_OUT = flags.DEFINE_string("out", ".", "Folder for the results")
_WINDOW = flags.DEFINE_string(
    "window", "2.4s", "Length of what gets one label: 2.4s, or frames: 16"
)
_STRIDE = flags.DEFINE_string("stride", "8", "From one window to the next: 0.5s, or frames: 8")
_CROPPED = flags.DEFINE_bool("cropped", False, "The pictures are face crops already")
_FPS = flags.DEFINE_float("fps", 25.0, "Frames per second of folders of frames", lower_bound=0.01)


def main(argv: list[str]) -> None:
    """Predicts every video named on the command line."""
    if len(argv) < 2:
        raise app.UsageError("give a video, a picture or a folder, and --weights")
    from dfer_jax.recognition import results, sources, spans
    from dfer_jax.recognition.recognizer import Recognizer
    from dfer_jax.runtime import compilation_cache

    spans.parse(_WINDOW.value, name="--window"), spans.parse(_STRIDE.value, name="--stride")
    found = [s for path in argv[1:] for s in sources.find_sources(Path(path), fps=_FPS.value)]
    compilation_cache.enable()
    recognizer = Recognizer.load(*_WEIGHTS.value)
    out = results.prepare(_OUT.value)
    failed = [source for source in found if not _predict(source, recognizer, out)]
    if failed:
        raise UserError(f"{len(failed)} of {len(found)} could not be read to the end, see above")


def _predict(source: "Source", recognizer: "Recognizer", out: Path) -> bool:
    """Writes the results of one video; returns whether it was read to its end."""
    from dfer_jax.recognition import results

    start = time.perf_counter()
    rows = recognizer.source(
        source, is_cropped=_CROPPED.value, window=_WINDOW.value, stride=_STRIDE.value
    )
    about = {
        "video": str(source.path),
        "window": _WINDOW.value,
        "stride": _STRIDE.value,
        "cropped_before": _CROPPED.value,
        "weights": recognizer.weights.about(),
    }
    stem = out / source.name
    written = results.write_results(
        rows, stem, video=source.path.name, classes=recognizer.classes, about=about
    )
    if isinstance(written.fault, KeyboardInterrupt):
        raise StoppedError(f"stopped; {stem}.csv and .json hold what was found until then")
    seconds = time.perf_counter() - start
    print(_line(written.summary, seconds), f"-> {stem}.csv", flush=True)
    if written.fault:
        print(f"error: {source.path}: {written.fault}", file=sys.stderr)
    return written.fault is None


def _line(summary: dict, seconds: float) -> str:
    faces = ", ".join(f"face {f['face']} {f['label']}" for f in summary["faces"][:5]) or "no face"
    rate = summary["frames"] / seconds
    return f"{summary['video']}: {summary['frames']} frames ({rate:.0f}/s), {faces}"


if __name__ == "__main__":
    flags.mark_flag_as_required("weights")
    logging.set_verbosity(logging.WARNING)
    errors.run(main)
