"""Says before an hour-long build whether a download will build, and what to mend.

    dfer check dfew/full --manual_dir /where/dfew/was/extracted
    dfer check ferv39k --manual_dir D --thorough --json check.json

Recognises form and layout, counts clips beside the published numbers, names every file and row that
the build would refuse and what it would leave out, and finds clips that two splits share. Quick by
default: headers and ends of all files, five frames of each clip; --thorough decodes every frame.

Nothing is written into manual_dir. It is read by --num_processes, by default one for each core.
Exit codes: 0 it can be built, 1 it cannot, 2 bad usage.
"""

import sys
from pathlib import Path

from absl import app, flags

from dfer_jax.data.check.download import check_download
from dfer_jax.data.check.report import as_json, as_text, write_json
from dfer_jax.errors import UserError, run
from tfds_builders import build  # noqa: F401 (its flags are shared)

FLAGS = flags.FLAGS
_THOROUGH = flags.DEFINE_bool(
    "thorough", False, "Decode every frame, as the build does, instead of headers and ends alone."
)
_JSON = flags.DEFINE_string(
    "json", None, "File for the complete findings; - for standard output, the text then to stderr."
)
for _shared in ("manual_dir", "allow_missing", "num_processes", "classes"):  # those of the build
    flags.declare_key_flag(_shared)


def main(argv: list[str]) -> None:
    """Checks what the command line names, reports, and exits with 1 if it cannot be built."""
    if len(argv) != 2 or not FLAGS.manual_dir:
        raise app.UsageError("give one NAME and its folder: dfer check NAME --manual_dir D")
    to = _json_path(_JSON.value, FLAGS.manual_dir)
    result = check_download(
        argv[1],
        FLAGS.manual_dir,
        thorough=_THOROUGH.value,
        allow_missing=bool(FLAGS.allow_missing),
        processes=FLAGS.num_processes,
        classes=FLAGS.classes,
    )
    if to == Path("-"):
        print(as_json(result))
    elif to:
        write_json(result, to)
    print(as_text(result), file=sys.stderr if to == Path("-") else sys.stdout)
    if not result.can_be_built:
        sys.exit(1)


def _json_path(given: str | None, manual_dir: str) -> Path | None:
    """Returns where the JSON goes.

    Raises:
        UserError: if that is inside manual_dir, where nothing is written.
    """
    if not given or given == "-":
        return Path(given) if given else None
    path = Path(given).expanduser()
    if path.resolve().is_relative_to(Path(manual_dir).expanduser().resolve()):
        raise UserError(f"--json {given} is inside manual_dir, which is only read; name another")
    if not path.resolve().parent.is_dir():
        raise UserError(f"--json {given}: its folder does not exist; make it or name another")
    return path


if __name__ == "__main__":
    run(main)
