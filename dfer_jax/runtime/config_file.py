"""The experiment file that a command was given: found, in its short form too, and loaded."""

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ml_collections
from absl import app

from dfer_jax import errors


def load(holder: Any) -> ml_collections.ConfigDict:
    """Returns the config as overridden, its fields locked.

    Args:
        holder: of `config_flags.DEFINE_config_file`.

    Raises:
        app.UsageError: if the file cannot be loaded.
    """
    try:
        holder.value.lock()  # a file that did not load says so at its first use
        return holder.value
    except OSError as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise app.UsageError(f"the config file cannot be loaded: {reason}") from error


def run(main: Any) -> None:
    """Runs a command line that takes a config; see `errors.run` and `in_full`."""
    errors.run(main, prepare=in_full)


def in_full(argv: Sequence[str]) -> list[str]:
    """Returns a command line with its config written as flags, and its file found.

    `dfew.py fold=1` is short for `--config=dfew.py --config.fold=1`. A file of `configs/` that is
    not in the current directory is taken from the installed package. `--config` is moved to the
    front, where ml_collections needs it.
    """
    program, *given = argv
    files, fields, rest = [], [], []
    after_config = False
    for argument in given:
        name, equals, value = argument.partition("=")
        if after_config:
            files.append(argument)
            after_config = False
        elif name in ("--config", "-config"):
            files += [value] if equals else []
            after_config = not equals
        elif name.startswith(("--config.", "-config.")):
            fields.append(argument)
        elif argument.startswith("-") or not (equals or argument.endswith(".py")):
            rest.append(argument)
        elif equals and not name.endswith(".py"):
            fields.append(f"--config.{argument}")
        elif not files:
            files.append(argument)
        else:
            rest.append(argument)
    found = [f"--config={find(file)}" for file in files]
    return [program, *found, *(["--config"] if after_config else []), *fields, *rest]


def find(file: str) -> str:
    """Returns the path of a config: the file itself, or the one of that name that is installed."""
    path, colon, argument = file.partition(":")  # dfew.py:argument
    parts = Path(path).parts
    if not path or os.path.exists(path) or len(parts) > 2 or parts[:-1] not in ((), ("configs",)):
        return file
    spec = importlib.util.find_spec("configs")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    for folder in folders:
        if os.path.exists(installed := os.path.join(folder, parts[-1])):
            return installed + colon + argument
    return file
