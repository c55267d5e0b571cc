"""The door: `dfer VERB ...` runs the module that does it, with that module's own flags and help.

dfer                 the verbs
dfer VERB --help     what a verb does, and its flags
dfer --version
"""

import difflib
import runpy
import sys
from typing import NamedTuple

from dfer_jax import __version__, start


class Verb(NamedTuple):
    """What a verb runs: a module with a `main` of its own, and arguments that come first."""

    module: str
    line: str
    arguments: tuple[str, ...] = ()


VERBS = {
    "Bring data": {
        "check": Verb("dfer_jax.data.check", "say whether a download will build, and what to mend"),
        "build": Verb("tfds_builders.build", "build a data set from a release or your own videos"),
        "cache": Verb("dfer_jax.data.frame_cache", "decode a data set once, for faster training"),
    },
    "Train and evaluate": {
        "train": Verb("dfer_jax.main", "train an experiment, or go on with it"),
        "eval": Verb("dfer_jax.main", "evaluate a run's checkpoints", ("--mode=eval",)),
        "crossval": Verb("dfer_jax.clips.crossval", "train and score every fold and seed"),
        "compare": Verb("dfer_jax.clips.compare", "train many networks alike, and compare them"),
        "pool": Verb("dfer_jax.clips.crossval.pool", "score runs made one by one, one per fold"),
        "ensemble": Verb("dfer_jax.commands.ensemble", "combine the predictions of several runs"),
        "import": Verb("dfer_jax.interop", "read weights that others trained"),
    },
    "Your own videos": {
        "crop": Verb("dfer_jax.data.crop", "cut the faces out of raw videos, for a builder"),
        "faces": Verb("dfer_jax.commands.faces", "find, or fetch, the networks that find faces"),
        "predict": Verb("dfer_jax.commands.predict", "say what faces in videos show, and when"),
        "serve": Verb("dfer_jax.commands.serve", "the same in a browser, on this machine"),
    },
    "Look at results": {
        "report": Verb("dfer_jax.commands.report", "write the page of a run, or compare several"),
        "judge": Verb("dfer_jax.clips.noisy_labels", "list training clips with doubtful labels"),
    },
    "Give away": {
        "export": Verb("dfer_jax.commands.export", "write a pretrained folder for others"),
        "card": Verb("dfer_jax.commands.card", "print what there is to know of a network"),
    },
    "Find one's way": {
        "config": Verb(
            "dfer_jax.commands.config", "show a config's values and where they come from"
        ),
        "models": Verb(
            "dfer_jax.commands.models", "list networks: size, published results, config"
        ),
        "doctor": Verb("dfer_jax.commands.doctor", "say whether this machine is ready"),
    },
}


def main() -> None:
    """Runs the verb on the command line; exits with 2 if there is no such verb."""
    given = sys.argv[1:]
    if not given or given[0] in ("--help", "-h", "help"):
        print(overview())
        return
    if given[0] == "--version":
        print(f"dfer_jax {__version__}")
        return
    name, *arguments = given
    verbs = {known: verb for group in VERBS.values() for known, verb in group.items()}
    if name not in verbs:
        close = difflib.get_close_matches(name, verbs, n=1)
        hint = f"did you mean {close[0]}?" if close else f"choose from {', '.join(verbs)}"
        print(f"error: dfer has no verb {name!r}; {hint}", file=sys.stderr)
        sys.exit(2)
    verb = verbs[name]
    start.stop_without_traceback()  # until the verb has been imported
    sys.argv = [f"dfer {name}", *verb.arguments, *arguments]
    runpy.run_module(verb.module, run_name="__main__", alter_sys=True)


def overview() -> str:
    """Returns the verbs by what a person wants to do, one a line."""
    lines = [
        f"dfer_jax {__version__}: dynamic facial expression recognition",
        "",
        "usage: dfer VERB ...    dfer VERB --help explains it",
    ]
    for group, verbs in VERBS.items():
        lines += ["", group, *(f"  {name:9} {verb.line}" for name, verb in verbs.items())]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
