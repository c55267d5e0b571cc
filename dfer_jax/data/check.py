"""Says before an hour-long build whether a download will build, and what to mend.

    python -m dfer_jax.data.check dfew/full --manual_dir /where/dfew/was/extracted
    python -m dfer_jax.data.check ferv39k --manual_dir D --thorough --json check.json

Recognises form and layout, counts clips beside the published numbers, names every file and row that
the build would refuse and what it would leave out, and finds clips that two splits share. Quick by
default: headers and ends of all files, five frames of each clip; --thorough decodes every frame.

Nothing is written into manual_dir. It is read by --num_processes, by default one for each core.
Exit codes: 0 it can be built, 1 it cannot, 2 bad usage.
"""

import sys
import time
from pathlib import Path

from absl import app, flags

from dfer_jax.data.check_findings import Finding, sort_faults, sort_rest
from dfer_jax.data.check_leaks import find_leaks
from dfer_jax.data.check_report import as_json, as_text, write_json
from dfer_jax.data.check_result import Result
from dfer_jax.data.check_scan import scan_clips, usable_cores
from dfer_jax.data.check_strays import Strays, find_strays
from dfer_jax.errors import UserError, run
from tfds_builders import build
from tfds_builders.clip_builder import ClipBuilder
from tfds_builders.single_pass import SinglePass

FLAGS = flags.FLAGS
_THOROUGH = flags.DEFINE_bool(
    "thorough", False, "Decode every frame, as the build does, instead of headers and ends alone."
)
_JSON = flags.DEFINE_string(
    "json", None, "File for the complete findings; - for standard output, the text then to stderr."
)
for _shared in ("manual_dir", "allow_missing", "num_processes"):  # those of the build
    flags.declare_key_flag(_shared)


def check_download(
    name: str,
    manual_dir: str,
    *,
    thorough: bool = False,
    allow_missing: bool = False,
    processes: int | None = None,
) -> Result:
    """Checks a download against what its builder wants; reads only.

    Args:
        name: data set and configuration, as `dfew/full`.
        manual_dir: folder of the release, or of one's own videos.
        thorough: decodes every frame.
        allow_missing: listed clips may be absent, as in the build.
        processes: that read in parallel; as many as there are cores if None.

    Raises:
        UserError: if there is no such data set or folder, or there is nothing to check.
    """
    start = time.perf_counter()
    builder, config = _find(name)
    folder = _existing(manual_dir)
    state, problems = _prepare(builder, config, folder, allow_missing=allow_missing)
    full_name = f"{builder.name}/{config}"
    shared = (full_name, manual_dir, thorough, allow_missing)
    if state is None:
        return Result(*shared, findings=problems, seconds=time.perf_counter() - start)
    processes = processes or usable_cores()
    clips = state.listing.clips
    scans = scan_clips(clips, thorough=thorough, processes=processes)
    leaks = find_leaks(clips, scans, processes=processes)
    strays = find_strays(state) if state.expected else Strays()
    damaged = [problem for scan in scans for problem in scan.damaged]
    findings = problems + sort_faults(state.tree.problems + state.missing + damaged)
    findings += sort_rest(state, scans, strays, leaks)
    return Result(
        *shared,
        findings=findings,
        state=state,
        scans=scans,
        leaks=leaks,
        seconds=time.perf_counter() - start,
    )


def _find(name: str) -> tuple[type[ClipBuilder], str]:
    """Returns the builder class and the name of its configuration."""
    builder, config = build.find_builder(name)
    if not issubclass(builder, ClipBuilder):
        raise UserError(f"{name} is rendered, not downloaded, so there is nothing to check")
    if config is None:
        config = builder.DEFAULT_BUILDER_CONFIG_NAME or next(iter(builder.builder_configs))
    return builder, getattr(config, "name", config)


def _existing(manual_dir: str) -> Path:
    path = Path(manual_dir).expanduser()
    if path.is_dir():
        return path
    state = "is not a folder" if path.exists() else "does not exist"
    raise UserError(f"manual_dir {path} {state}: pass the folder that holds the data")


def _prepare(
    builder: type[ClipBuilder], config: str, folder: Path, *, allow_missing: bool
) -> tuple[SinglePass | None, list[Finding]]:
    """Returns what the builder would build, if it can tell, and the fault that stops it at once.

    A download of which whole parts are absent stops the builder; here the rest is checked too.
    """
    try:
        return builder.prepare(folder, config=config, allow_missing=allow_missing), []
    except UserError as error:
        fault = Finding("fault", "release", "reasons to stop at once", "", [str(error)])
    if allow_missing:
        return None, [fault]
    try:
        state = builder.prepare(folder, config=config, allow_missing=True)
    except UserError:
        return None, [fault]
    state.missing += [f"clip {clip_id} is not there" for clip_id in state.listing.absent]
    state.missing += [f"clip {clip_id}: no image in its folder" for clip_id in state.listing.empty]
    return state, [fault]


def main(argv: list[str]) -> None:
    """Checks what the command line names, reports, and exits with 1 if it cannot be built."""
    if len(argv) != 2 or not FLAGS.manual_dir:
        raise app.UsageError(
            "give one NAME and its folder: python -m dfer_jax.data.check NAME --manual_dir D"
        )
    sys.stdout.reconfigure(errors="backslashreplace")  # file names may hold any character
    to = _json_path(_JSON.value, FLAGS.manual_dir)
    result = check_download(
        argv[1],
        FLAGS.manual_dir,
        thorough=_THOROUGH.value,
        allow_missing=bool(FLAGS.allow_missing),
        processes=FLAGS.num_processes,
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
