r"""Says which expressions the faces in videos show, and when.

    dfer predict talk.mp4 --weights runs/dfew_fold1 --out results
    dfer predict films/ --weights runs/a,runs/b --window=2.4s --stride=0.5s --out results
    dfer predict crops/clip_007 --cropped --weights runs/synthetic --out results
    dfer predict talk.mp4 --weights runs/dfew_fold1 --peer enet_b0_8_best_vgaf.onnx
    dfer predict --camera 0 --weights runs/dfew_fold1 --out results

VIDEO is a video, a still, a folder of frames, or a folder of any of these. Faces are found,
followed and cut out as for training (`dfer faces` says whether the networks for that are here).
Each video gets in --out a table `<name>.csv`, one row per face and window, and one per stretch
without a face; a summary `<name>.json`; a page `<name>.html` that plays the video beside the
curves; and with --overlay a copy `<name>.overlay.mp4` with boxes and labels. Weights that label
frames give a row per frame. Several --weights are averaged. --peer asks a recogniser of stills
about the same faces, an ONNX file of EmotiEffLib, whose answers stand beside ours: what does time
add?

A video that is damaged half-way, and Ctrl-C, keep what was found until then.
Exit codes: 0 done, 1 something could not be read or written, 2 bad usage, 130 stopped by Ctrl-C.
"""

import sys
from pathlib import Path

from absl import app, flags, logging

from dfer_jax import errors
from dfer_jax.errors import StoppedError, UserError

_WEIGHTS = flags.DEFINE_list("weights", None, "Work directory of a run; several, by comma")
_OUT = flags.DEFINE_string("out", ".", "Folder for the results")
_WINDOW = flags.DEFINE_string(
    "window", None, "What gets one label: 2.4s, or frames: 16; default: as the weights know it"
)
_STRIDE = flags.DEFINE_string(
    "stride", None, "From one window to the next: 0.5s, or frames: 8; default likewise"
)
_CROPPED = flags.DEFINE_bool("cropped", False, "The pictures are face crops already")
_FPS = flags.DEFINE_float("fps", 25.0, "Frames per second of folders of frames", lower_bound=0.01)
_CONFIDENCE = flags.DEFINE_float(
    "min_confidence", 0.0, "Less sure faces count as not found; 0..1, see the table's column"
)
_SIZE = flags.DEFINE_float("min_size", 0.0, "Faces of fewer pixels count as not found")
_FACE_MODEL = flags.DEFINE_string("face_model", None, "File of the face networks; default: found")
_PEER = flags.DEFINE_string("peer", None, "ONNX file of a recogniser of stills, run beside ours")
_OVERLAY = flags.DEFINE_bool("overlay", False, "Write a copy of the video with boxes and labels")
_CAMERA = flags.DEFINE_string("camera", None, "Number of a camera, watched until Ctrl-C")


def main(argv: list[str]) -> None:
    """Predicts every video named on the command line, or what a camera shows."""
    if (len(argv) < 2) == (_CAMERA.value is None):
        raise app.UsageError("give videos, pictures or folders, or else --camera")
    from dfer_jax.recognition import camera, faces, predict, sources
    from dfer_jax.recognition.peers.still import StillPeer
    from dfer_jax.recognition.recognizer import Recognizer
    from dfer_jax.recognition.written import results
    from dfer_jax.runtime import compilation_cache, freed_memory

    found = [s for path in argv[1:] for s in sources.find_sources(Path(path), fps=_FPS.value)]
    freed_memory.give_back_at_once()
    compilation_cache.enable()
    recognizer = Recognizer.load(*_WEIGHTS.value)
    options = predict.Options(
        out=Path(_OUT.value),
        window=recognizer.span("window", _WINDOW.value),
        stride=recognizer.span("stride", _STRIDE.value),
        is_cropped=_CROPPED.value,
        fps=_FPS.value,
        face_model=_FACE_MODEL.value,
        least=faces.Least(_CONFIDENCE.value, _SIZE.value),
        overlay=_OVERLAY.value,
        peer=_PEER.value and StillPeer(_PEER.value, classes=recognizer.classes),
    )
    predict.warn(recognizer, options)
    for path in map(Path, argv[1:]):
        if others := sources.passed_over(path):
            kinds = ", ".join(
                f"{n} {kind or 'without suffix'}" for kind, n in sorted(others.items())
            )
            print(f"{path}: passed over what is neither a video nor JPEG or PNG frames: {kinds}")
    results.prepare(options.out)
    if _CAMERA.value is not None:
        device = int(_CAMERA.value) if _CAMERA.value.isdigit() else _CAMERA.value
        camera.watch(device, recognizer, options)
        return
    failed = 0
    for source, stem in results.stems(found, options.out):
        fault = predict.predict(source, stem, recognizer, options)
        if isinstance(fault, KeyboardInterrupt):
            raise StoppedError(f"stopped; {stem}.csv and .json hold what was found until then")
        if fault is not None:
            failed += 1
            print(f"error: {source.path}: {fault}", file=sys.stderr)
    if failed:
        raise UserError(f"{failed} of {len(found)} could not be read to the end, see above")


if __name__ == "__main__":
    flags.mark_flag_as_required("weights")
    logging.set_verbosity(logging.WARNING)
    errors.run(main)
