"""Finds the evaluation files of a run, whatever was evaluated."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from dfer_jax.errors import UserError, list_some
from dfer_jax.runtime.json_text import parse_object

ELSEWHERE = "@"
"""Between data set and split in the name of an evaluation on another data set than trained on."""


def is_evaluated(workdir: str) -> bool:
    """Returns whether a work directory has an evaluation, which a report needs."""
    return bool(evaluation_files(workdir))


def why_not_kept(workdir: str) -> str:
    """Returns why an evaluation of a run cannot be kept, in a sentence; "" if it can.

    A copy on read-only storage is evaluated nevertheless.
    """
    folder = os.path.join(workdir, "eval")
    folder = folder if os.path.isdir(folder) else workdir
    if os.access(folder, os.W_OK):
        return ""
    return (
        f"not kept, for {folder} cannot be written: for files and a report copy the work "
        "directory to where you may write"
    )


def evaluation_files(workdir: str) -> list[str]:
    """Returns the names of the evaluations; other JSON files of `eval/` are of other things."""
    folder = os.path.join(workdir, "eval")
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    return [n for n in names if n.endswith(".json") and not n.endswith(".judged.json")]


def stem(about: Mapping[str, Any]) -> str:
    """Returns the file name, without suffix, of an evaluation's last epoch.

    The split, with the data set before it where the weights were trained on another one, or on
    another configuration of it, so that the scores of a run on its own test clips are never
    overwritten: "fd1", "cremad-asked@fd1".

    Args:
        about: of `checkpoint_metadata.about`.
    """
    dataset, trained_on = (about[name].lower() for name in ("dataset", "trained_on"))
    own = trained_on in (dataset, dataset.partition("/")[0])  # that of imported weights
    elsewhere = "" if own else about["dataset"].replace("/", "-") + ELSEWHERE
    return f"{elsewhere}{about['split']}"


def is_of_frames(path: str) -> bool:
    """Whether an evaluation file is of videos labelled frame by frame.

    Raises:
        UserError: if it cannot be read.
    """
    return _read_object(path).get("task") == "frames"


def evaluation_file(run_or_file: str) -> str:
    """Returns the evaluation file meant: a file itself, or a run's last epoch on its test split.

    Raises:
        UserError: if a work directory has no such file, or several.
    """
    if not os.path.isdir(run_or_file):
        return run_or_file
    folder = os.path.join(run_or_file, "eval")
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    found = [name.removesuffix(".json") for name in names if name.endswith(".json")]
    others = (".best", ".judged")
    wanted = [name for name in found if name != "validation" and not name.endswith(others)]
    wanted = [name for name in wanted if ELSEWHERE not in name] or wanted
    if len(wanted) != 1:
        found = f"several test splits ({', '.join(wanted)})" if wanted else "no evaluation of test"
        raise UserError(
            f"{folder} has {found}; evaluate with dfer eval, or name one eval/<split>.json"
        )
    return os.path.join(folder, f"{wanted[0]}.json")


def validation_file(path: str) -> str:
    """Returns where the same checkpoint's predictions on the held-out training clips are saved."""
    best = ".best" if path.removesuffix(".json").endswith(".best") else ""
    return os.path.join(os.path.dirname(path), f"validation{best}.json")


def _read_object(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:
            return parse_object(file.read())
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}); give a work directory that was evaluated, "
            "or one of its eval/<split>.json"
        ) from error
    except ValueError as error:
        raise UserError(
            f"{path} is not an evaluation ({error}); evaluate again with dfer eval, or give one of "
            "a run's eval/<split>.json"
        ) from error


def held_out_files(members: Sequence[str], files: Sequence[str] | None) -> list[str]:
    """Returns the evaluation files of held-out clips or videos: those given, or beside the members.

    Raises:
        UserError: if one does not exist, or their number is another.
    """
    if files is not None and len(files) != len(members):
        raise UserError(f"--fit_on names {len(files)} files for {len(members)} members; one each")
    paths = list(files or map(validation_file, members))
    if absent := [path for path in paths if not os.path.isfile(path)]:
        raise UserError(
            "no held-out predictions to fit the weights on; train the members with "
            "--config.data.validation_fraction=0.1, or give --weights, or (clips only) "
            f"--select_on_test to choose on test as the paper does. Missing:\n{list_some(absent)}"
        )
    return paths
