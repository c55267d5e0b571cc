"""The experiment file that a command was given: found, in its short form too, and loaded."""

import difflib
import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ml_collections
from absl import app, flags

from dfer_jax import errors


def load(holder: Any) -> ml_collections.ConfigDict:
    """Returns the config as overridden, its fields locked.

    Args:
        holder: of `config_flags.DEFINE_config_file`.

    Raises:
        app.UsageError: if no file was named, or it cannot be loaded.
    """
    if holder.value is None:
        raise app.UsageError("name an experiment file, e.g. configs/dfew.py")
    try:
        holder.value.lock()  # a file that did not load says so at its first use
        return holder.value
    except OSError as error:
        path = flags.FLAGS[holder.name].config_filename.partition(":")[0]
        if not os.path.exists(path):
            raise app.UsageError(f"there is no config file {path}; {_hint(path)}") from error
        reason = str(error).strip().splitlines()[-1].strip()
        raise app.UsageError(f"the config file {path} cannot be loaded: {reason}") from error


def whole_numbers(flag: str, values: Sequence[str]) -> list[int]:
    """Returns the whole numbers that a flag lists, such as `--folds=1,2`.

    Raises:
        app.UsageError: if one is none.
    """
    try:
        return [int(value) for value in values]
    except ValueError as error:
        raise app.UsageError(f"--{flag}={','.join(values)} must be whole numbers") from error


def run(main: Any) -> None:
    """Runs a command line that takes a config; see `errors.run` and `in_full`."""
    errors.run(main, prepare=in_full)


def in_full(argv: Sequence[str]) -> list[str]:
    """Returns a command line with its config written as flags, and its file found.

    `dfew.py fold=1` and `dfew fold=1` are short for `--config=dfew.py --config.fold=1`. A file of
    `configs/` that is not in the current directory is taken from the installed package. `--config`
    is moved to the front, where ml_collections needs it.
    """
    program, *given = argv
    named, files, fields, rest = [], [], [], []
    before = ""
    for argument in given:
        name, equals, value = argument.partition("=")
        if before in ("--config", "-config"):
            named.append(argument)
        elif name in ("--config", "-config"):
            named += [value] if equals else []
        elif name.startswith(("--config.", "-config.")):
            fields.append(argument)
        elif argument.startswith("-"):
            rest.append(argument)
        elif equals and not _is_python(name):
            fields.append(f"--config.{argument}")
        elif not named and not files and (file := _file(argument, before=before)):
            files.append(file)
        else:
            rest.append(argument)
        before = argument
    if named:
        files, rest = named, [*files, *rest]  # which are too many
    found = [f"--config={find(file)}" for file in files]
    return [program, *found, *(["--config"] if before == "--config" else []), *fields, *rest]


def find(file: str) -> str:
    """Returns the path of a config: the file itself, or the one of that name that is installed."""
    path, colon, argument = file.partition(":")  # dfew.py:argument
    parts = Path(path).parts
    if not path or os.path.exists(path) or Path(path).is_absolute():
        return file
    inner = parts[1:] if parts[0] == "configs" else parts
    for folder in map(Path, _folders()):
        alone = sorted(folder.rglob(inner[0])) if len(inner) == 1 else []  # in a folder of configs/
        for installed in (folder.joinpath(*inner), *alone):
            if inner and installed.is_file():
                return f"{installed}{colon}{argument}"
    return file


def _file(argument: str, *, before: str) -> str | None:
    """Returns the config that a word names, None if it is none; `dfew` is a config if one exists.

    Args:
        argument: the word.
        before: the one before, whose value it may be.
    """
    if _is_python(argument):
        return argument
    path, colon, rest = argument.partition(":")
    file = f"{path}.py{colon}{rest}"
    is_value = before.startswith("-") and "=" not in before
    exists = bool(path) and os.path.exists(find(file).partition(":")[0])
    return file if exists and not is_value else None


def _is_python(argument: str) -> bool:
    return argument.partition(":")[0].endswith(".py")


def _folders() -> list[str]:
    """Returns where the package's own configs lie."""
    spec = importlib.util.find_spec("configs")
    return list(spec.submodule_search_locations or ()) if spec else []


def _hint(path: str) -> str:
    """Says which of the package's configs may have been meant."""
    known = {
        file.name: file.relative_to(folder).as_posix()
        for folder in _folders()
        for file in sorted(Path(folder).rglob("[!_]*.py"))
    }
    close = difflib.get_close_matches(os.path.basename(path), known, n=1, cutoff=0.7)
    if close:
        return f"did you mean configs/{known[close[0]]}?"
    return f"configs/ has {', '.join(name.removesuffix('.py') for name in sorted(known))}"
