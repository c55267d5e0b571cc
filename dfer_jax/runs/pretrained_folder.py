"""The folder in which a network is given away: weights, how to build it and feed it, and a card.

`model.safetensors`, `config.json` (network, arguments, class names), `preprocessor_config.json`
(how faces become its input) and `README.md` (the model card), with `checksums.sha256` of the four,
in the form that `sha256sum --check` reads. It holds numbers and text only: nothing in it is run,
and no name in it leads anywhere else.
"""

import os
import stat
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from absl import logging
from jaxtyping import PyTree

from dfer_jax.errors import UserError
from dfer_jax.runs import tensor_file
from dfer_jax.runs.checkpoint_files import SUMS_FILE, DamagedError, read_sums
from dfer_jax.runtime.durable_files import replacing, write_json
from dfer_jax.runtime.file_facts import sha256
from dfer_jax.runtime.json_text import parse_object
from dfer_jax.video.faces import CropSettings

_Found = TypeVar("_Found")
FORMAT = 1
WEIGHTS, CONFIG, PREPROCESSOR, CARD = FILES = (
    "model.safetensors",
    "config.json",
    "preprocessor_config.json",
    "README.md",
)
_LARGEST_TEXT = 16 << 20  # bytes; files of ours have a few thousand
_LARGEST_NUMBER = 8192  # of arguments: whoever promises more wants to fill the memory
_LARGEST_INPUT = 1024  # frames, and pixels a side
_INPUTS = {  # of clips, of windows of frames
    "segments": ("segments", "frames_per_segment", "decode_size", "image_size"),
    "window": ("window", "decode_size", "image_size"),
}


def is_one(folder: str) -> bool:
    """Returns whether a folder is meant as one, intact or not; a run's work directory is none."""
    return not os.path.isdir(os.path.join(folder, "checkpoints")) and any(
        os.path.lexists(os.path.join(folder, name)) for name in (WEIGHTS, PREPROCESSOR)
    )


def write(
    folder: str,
    variables: Mapping[str, PyTree],
    metadata: Mapping[str, Any],
    *,
    step: int,
    card: str,
) -> dict[str, str]:
    """Writes a pretrained folder into one that exists and returns the sha256 of each file.

    Args:
        folder: empty.
        variables: `{"params", "batch_stats"}`, float32.
        metadata: of the checkpoint.
        step: of the checkpoint.
        card: text of the model card.

    Raises:
        OSError: if it cannot be written.
    """
    own = ("format", "model", "classes", "preprocess")
    config = {
        "format": FORMAT,
        "model_type": metadata["model"]["name"],
        "arguments": metadata["model"]["kwargs"],
        "id2label": {str(i): name for i, name in enumerate(metadata["classes"])},
        "label2id": {name: i for i, name in enumerate(metadata["classes"])},
        "step": step,
        "training": {name: value for name, value in metadata.items() if name not in own},
    }
    tensor_file.write(os.path.join(folder, WEIGHTS), variables)
    write_json(os.path.join(folder, CONFIG), config)
    write_json(os.path.join(folder, PREPROCESSOR), metadata["preprocess"])
    with replacing(os.path.join(folder, CARD)) as file:
        file.write(card)
    sums = {name: sha256(os.path.join(folder, name)) for name in FILES}
    with replacing(os.path.join(folder, SUMS_FILE)) as file:
        file.writelines(f"{found}  {name}\n" for name, found in sums.items())
    return sums


def step_of(folder: str) -> int:
    """Returns the step of the checkpoint that a pretrained folder was written from.

    Raises:
        UserError: if the folder is damaged.
    """

    def step() -> int:
        _check_sums(folder, (CONFIG,))
        return _config(folder)["step"]

    return _said(folder, step)


def describe(folder: str) -> dict[str, Any]:
    """Returns the metadata that `read` does, without reading the weights.

    Raises:
        UserError: as `read` does.
    """

    def metadata() -> dict[str, Any]:
        _check_sums(folder, (CONFIG, PREPROCESSOR))
        return _metadata(_config(folder), _text_object(folder, PREPROCESSOR))

    return _said(folder, metadata)


def read(folder: str) -> tuple[dict[str, PyTree], dict[str, Any]]:
    """Returns ({"params", "batch_stats"}, metadata), as of a checkpoint.

    That the arrays are those of the network is for whoever builds it to check. A card that a person
    changed is warned of.

    Raises:
        UserError: if a file is missing, not as it was written, or not what such a folder holds.
    """
    return _said(folder, lambda: _read(folder))


def _read(folder: str) -> tuple[dict[str, PyTree], dict[str, Any]]:
    _check_sums(folder, FILES)
    metadata = _metadata(_config(folder), _text_object(folder, PREPROCESSOR))
    variables = tensor_file.read(os.path.join(folder, WEIGHTS))
    if "params" not in variables or not variables.keys() <= {"params", "batch_stats"}:
        raise DamagedError(f"{WEIGHTS} has other arrays than params and batch_stats")
    return {"batch_stats": {}} | variables, metadata


def _said(folder: str, read_it: Callable[[], _Found]) -> _Found:
    try:
        return read_it()
    except DamagedError as damage:
        raise UserError(
            f"the pretrained folder {folder} is damaged ({damage}); fetch it again, or write it "
            "again with dfer export"
        ) from damage
    except OSError as error:
        raise UserError(
            f"the pretrained folder {folder} cannot be read ({error.strerror}); make it readable, "
            "or fetch it again"
        ) from error


def _check_sums(folder: str, asked: Sequence[str]) -> None:
    for name in (*FILES, SUMS_FILE):
        try:
            mode = os.stat(os.path.join(folder, name)).st_mode  # downloads may be links to files
        except (FileNotFoundError, NotADirectoryError) as error:
            raise DamagedError(f"{name} is missing") from error
        if not stat.S_ISREG(mode):
            raise DamagedError(f"{name} is no file")
    sums = read_sums(folder)
    if set(sums or ()) != set(FILES):
        raise DamagedError(f"{SUMS_FILE} must name {', '.join(FILES)} and nothing else")
    for name in asked:
        if sha256(os.path.join(folder, name)) == sums[name]:
            continue
        if name != CARD:
            raise DamagedError(f"{name} is not as it was written")
        logging.warning("the card %s is not as it was written", os.path.join(folder, name))


def _text_object(folder: str, name: str) -> dict[str, Any]:
    path = os.path.join(folder, name)
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise DamagedError(f"{name} is no file")
        if os.path.getsize(path) > _LARGEST_TEXT:
            raise DamagedError(f"{name} is larger than {_LARGEST_TEXT >> 20} MiB")
        with open(path, encoding="utf-8") as file:
            return parse_object(file.read())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DamagedError(f"{name} is missing") from error
    except ValueError as error:
        raise DamagedError(f"{name} is not JSON: {error}") from error


def _config(folder: str) -> dict[str, Any]:
    config = _text_object(folder, CONFIG)
    if config.get("format") != FORMAT:
        raise DamagedError(f"{CONFIG} has format {config.get('format')!r:.40}, not {FORMAT}")
    kinds = {"model_type": str, "arguments": dict, "id2label": dict, "training": dict}
    for name, kind in kinds.items():
        if not isinstance(config.get(name), kind):
            raise DamagedError(f"{CONFIG} does not give its {name}")
    if not _is_count(config.get("step"), least=0):
        raise DamagedError(f"{CONFIG} does not give its step")
    return config


def _metadata(config: dict[str, Any], preprocess: dict[str, Any]) -> dict[str, Any]:
    """Returns what the checkpoint said, checked."""
    arguments, labels, training = config["arguments"], config["id2label"], config["training"]
    classes = [labels.get(str(i)) for i in range(len(labels))]
    named = all(isinstance(name, str) and name for name in classes)
    if not classes or not named or len(set(classes)) < len(classes):
        raise DamagedError(f"{CONFIG} has an id2label that does not name every class in order")
    if config.get("label2id") != {name: i for i, name in enumerate(classes)}:
        raise DamagedError(f"{CONFIG} has a label2id that is not its id2label turned round")
    if arguments.get("num_classes") != len(classes):
        raise DamagedError(f"{CONFIG} has another num_classes than names of classes")
    for name, value in arguments.items():
        if not _is_argument(value):
            raise DamagedError(f"{CONFIG} has an argument {name[:40]} that no network takes")
    for name, kind in {"dataset": str, "source": str, "versions": dict}.items():
        if not isinstance(training.get(name), kind):
            raise DamagedError(f"{CONFIG} does not give its training's {name}")
    if not _is_count(training.get("steps_per_epoch", 1)):
        raise DamagedError(f"{CONFIG} has steps_per_epoch that are no number")
    _check_inputs(preprocess)
    model = {"name": config["model_type"], "kwargs": arguments}
    return training | {
        "format": 1,
        "model": model,
        "classes": classes,
        "preprocess": preprocess,
    }


def _check_inputs(preprocess: dict[str, Any]) -> None:
    for name in _INPUTS["segments" if "segments" in preprocess else "window"]:
        if not _is_count(preprocess.get(name), most=_LARGEST_INPUT):
            raise DamagedError(f"{PREPROCESSOR} does not give its {name}")
    if "segments" in preprocess and not isinstance(preprocess.get("sampling"), str):
        raise DamagedError(f"{PREPROCESSOR} does not give its sampling")
    for name in ("frame_step", "test_views"):  # folders of earlier versions lack them
        if not _is_count(preprocess.get(name, 1), most=_LARGEST_INPUT):
            raise DamagedError(f"{PREPROCESSOR} does not give its {name}")
    if "segments" not in preprocess and not _is_count(preprocess.get("max_gap"), least=0):
        raise DamagedError(f"{PREPROCESSOR} does not give its max_gap")
    if "crop" in preprocess:
        try:
            CropSettings.from_json(preprocess["crop"])
        except UserError as error:
            raise DamagedError(f"{PREPROCESSOR}: {error}") from error


def _is_argument(value: object) -> bool:
    if isinstance(value, list):
        return len(value) <= 64 and all(map(_is_argument, value))
    if isinstance(value, int | float):
        return abs(value) <= _LARGEST_NUMBER  # also not NaN
    return value is None or (isinstance(value, str) and len(value) < 100)


def _is_count(value: object, *, least: int = 1, most: int = 1 << 53) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
