"""Runs command lines up to where their work would begin: modules, flags and config are real.

A program of its own, so that any Python can run it in any folder: standard input is a JSON list of
command lines, standard output one of (exit code, what was said, arguments that are no flags, data
set of the config). Each runs in a fork of this process, for flags are global.
"""

import argparse
import importlib.util
import json
import os
import runpy
import signal
import sys
import tempfile
import traceback
from pathlib import Path

from absl import app, flags

LIBRARIES = (
    "av flax.linen jaxtyping matplotlib.pyplot ml_collections.config_flags openpyxl optax "
    "orbax.checkpoint simplejpeg tensorflow_datasets"
)


def parse(words):
    """Returns what became of a command line."""
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as answer:
        child = os.fork()
        if not child:
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
            os._exit(_in_child(words, answer))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said.seek(0)
        answer.seek(0)
        return [code, said.read(), *json.loads(answer.read() or "[[], null]")]


def _in_child(words, answer):
    signal.alarm(60)  # nothing runs here for long
    app.run = lambda main, argv=None, flags_parser=flags.FLAGS: _stop(answer, flags_parser)
    whole, argparse.ArgumentParser.parse_args = argparse.ArgumentParser.parse_args, None
    argparse.ArgumentParser.parse_args = lambda *given: sys.exit(whole(*given) is None)
    try:
        _run(words)
    except SystemExit as stopped:
        return stopped.code or 0
    except BaseException:
        traceback.print_exc()
        return 3
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    print("it ran without reading its flags", file=sys.stderr)
    return 0 if words[1:] in ([], ["--version"]) else 4


def _run(words):
    if words[0] == "dfer":
        from dfer_jax import __main__

        sys.argv = words
        __main__.main()
    else:  # python -m
        sys.argv = words[2:]
        runpy.run_module(words[2], run_name="__main__", alter_sys=True)


def _stop(answer, flags_parser):
    """Stands in for `absl.app.run`: reads flags and config as it would, and ends there."""
    app.define_help_flags()
    rest = flags_parser(sys.argv)[1:]
    config = flags.FLAGS["config"].value if "config" in flags.FLAGS else None
    data = config.data.dataset if config is not None else None
    json.dump([rest, data], answer)
    answer.flush()
    sys.exit(0)


def _own_modules():
    """Yields the names of our modules that define no flags, for those may be defined once only."""
    for package in ("dfer_jax", "tfds_builders"):
        (root,) = importlib.util.find_spec(package).submodule_search_locations
        for path in sorted(Path(root).rglob("*.py")):
            text = path.read_text()
            defines = "flags.DEFINE" in text or "tfds_builders import build" in text
            if not defines and not path.name.endswith(("_tfds.py", "__main__.py")):
                parts = path.relative_to(Path(root).parent).with_suffix("").parts
                yield ".".join(parts).removesuffix(".__init__")


if __name__ == "__main__":
    for module in (*LIBRARIES.split(), *_own_modules()):  # once, before the forks
        importlib.import_module(module)
    json.dump([parse(words) for words in json.load(sys.stdin)], sys.stdout)
