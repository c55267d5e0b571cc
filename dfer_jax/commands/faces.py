"""Says where the networks that find faces in videos are, or how to get them.

dfer faces               where they are
dfer faces --download    fetch them into the user's cache, if they are nowhere yet

They are MediaPipe's face_landmarker_v2.task (3.8 MB, Apache-2.0), known by its checksum.
Whatever finds faces in videos needs them, as `dfer crop` and `dfer predict` do; the rest of what
videos need is installed with dfer_jax, with the extra `video` or without.
"""

from absl import app, flags

from dfer_jax import errors
from dfer_jax.video.faces import model_file

_DOWNLOAD = flags.DEFINE_bool("download", False, "Fetch them from their official address.")
_MODEL = flags.DEFINE_string("face_model", None, "Where they must be, instead of the usual places.")


def main(argv: list[str]) -> None:
    """Prints where the file is; fetches it first if asked to."""
    if argv[1:]:
        raise app.UsageError(f"unexpected arguments {argv[1:]}; it takes none")
    if _DOWNLOAD.value and _MODEL.value:
        raise app.UsageError("--download puts the file into the cache; leave out --face_model")
    try:
        place = model_file.find_model(_MODEL.value)
    except errors.UserError:
        if not _DOWNLOAD.value:
            raise
        place = model_file.download_model()
    print(f"{place}: {model_file.FILE_NAME}, as known by its checksum; videos can be read")


if __name__ == "__main__":
    errors.run(main)
