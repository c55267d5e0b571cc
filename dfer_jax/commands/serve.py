r"""Opens a page on this machine: drop a video, or use the camera, and see what the faces show.

    pip install 'dfer_jax[serve]'
    dfer serve --weights runs/dfew_fold1

then open http://127.0.0.1:8765 in a browser. Only this machine is answered, unless --host says
otherwise; then everybody who reaches that address can hand in videos, unencrypted. Videos are
bounded in size and length, looked at one after the other, kept in a private folder under a name
that the sender does not choose, and removed an hour later, at once if they cannot be read, and when
the server stops (Ctrl-C).
"""

import tempfile
from pathlib import Path

from absl import app, flags, logging

from dfer_jax import errors
from dfer_jax.errors import UserError

_WEIGHTS = flags.DEFINE_list("weights", None, "Work directory of a run; several, by comma")
_HOST = flags.DEFINE_string("host", "127.0.0.1", "Address to answer at")
_PORT = flags.DEFINE_integer("port", 8765, "Port; 0: a free one", lower_bound=0, upper_bound=65535)
_MAX_MB = flags.DEFINE_float("max_mb", 200.0, "Largest video, in megabytes", lower_bound=0.01)
_MAX_MINUTES = flags.DEFINE_float("max_minutes", 10.0, "Longest video", lower_bound=0.01)
_WINDOW = flags.DEFINE_string(
    "window", None, "What gets one label: 2.4s, or frames: 16; default: as the weights know it"
)
_STRIDE = flags.DEFINE_string(
    "stride", None, "From one window to the next: 0.5s, or frames: 8; default likewise"
)
_CROPPED = flags.DEFINE_bool("cropped", False, "Videos show nothing but a face crop")
_FACE_MODEL = flags.DEFINE_string("face_model", None, "File of the face networks; default: found")
_LOOPBACK = ("127.0.0.1", "localhost")


def main(argv: list[str]) -> None:
    """Serves until Ctrl-C."""
    if argv[1:]:
        raise app.UsageError(f"unexpected arguments {argv[1:]}; videos are given to the page")
    try:
        from dfer_jax.serving.app import create_app
        from dfer_jax.serving.listen import listen
    except ImportError as error:
        raise UserError(
            f"{error.name} is not installed; run pip install 'dfer_jax[serve]'"
        ) from error
    from dfer_jax.recognition import predict
    from dfer_jax.recognition.recognizer import Recognizer
    from dfer_jax.runtime import compilation_cache, freed_memory
    from dfer_jax.serving.jobs import Jobs, Limits

    freed_memory.give_back_at_once()  # as dfer predict: this process stays
    compilation_cache.enable()
    recognizer = Recognizer.load(*_WEIGHTS.value)
    recognizer.finder(is_cropped=_CROPPED.value, face_model=_FACE_MODEL.value)  # or say why
    options = predict.Options(
        out=Path(tempfile.mkdtemp(prefix="dfer_serve_")),
        window=recognizer.span("window", _WINDOW.value),
        stride=recognizer.span("stride", _STRIDE.value),
        is_cropped=_CROPPED.value,
        face_model=_FACE_MODEL.value,
    )
    predict.warn(recognizer, options)
    jobs = Jobs(recognizer, options, Limits(_MAX_MB.value, _MAX_MINUTES.value))
    names = _LOOPBACK if _HOST.value in _LOOPBACK else ("*",)
    application = create_app(jobs, hosts=names)
    try:
        listen(application, host=_HOST.value, port=_PORT.value)
    finally:
        jobs.close()


if __name__ == "__main__":
    flags.mark_flag_as_required("weights")
    logging.set_verbosity(logging.WARNING)
    errors.run(main)
