"""Checks a download with what its builder uses, so that the two can never disagree."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from dfer_jax.data.check.findings import Finding, sort_faults, sort_rest
from dfer_jax.data.check.leaks import find_leaks
from dfer_jax.data.check.result import Result
from dfer_jax.data.check.scan import scan_clips
from dfer_jax.data.check.strays import Strays, find_strays
from dfer_jax.errors import UserError
from dfer_jax.runtime.cores import usable_cores
from tfds_builders import build
from tfds_builders.clip_builder import ClipBuilder
from tfds_builders.single_pass import SinglePass


def check_download(
    name: str,
    manual_dir: str,
    *,
    thorough: bool = False,
    allow_missing: bool = False,
    processes: int | None = None,
    classes: Sequence[str] | None = None,
) -> Result:
    """Checks a download against what its builder wants; reads only.

    Args:
        name: data set and configuration, as `dfew/full`.
        manual_dir: folder of the release, or of one's own videos.
        thorough: decodes every frame.
        allow_missing: listed clips may be absent, as in the build.
        processes: that read in parallel; as many as there are cores if None.
        classes: those that the user states for one's own videos; None leaves them to the table.

    Raises:
        UserError: if there is no such data set or folder, or there is nothing to check.
    """
    start = time.perf_counter()
    builder, config = _find(name)
    folder = _existing(manual_dir)
    options = build.known_to(builder.name, {"classes": classes})
    state, problems = _prepare(
        builder, config, folder, allow_missing=allow_missing, options=options
    )
    full_name = f"{builder.name}/{config}"
    shared = (full_name, manual_dir, thorough, allow_missing)
    if state is None:
        seconds = time.perf_counter() - start
        return Result(*shared, findings=problems, seconds=seconds, classes=tuple(classes or ()))
    processes = processes or usable_cores()
    clips = state.listing.clips
    scans = scan_clips(clips, thorough=thorough, processes=processes)
    leaks = find_leaks(clips, scans, processes=processes)
    strays = find_strays(state) if state.expected else Strays()
    damaged = [problem for scan in scans for problem in scan.damaged]
    own = state.advice if state.release == "video_folder" else ""
    findings = problems + sort_faults(state.problems + damaged, own=own)
    findings += sort_rest(state, scans, strays, leaks)
    return Result(
        *shared,
        findings=findings,
        state=state,
        scans=scans,
        leaks=leaks,
        seconds=time.perf_counter() - start,
        classes=tuple(classes or ()),
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
    builder: type[ClipBuilder],
    config: str,
    folder: Path,
    *,
    allow_missing: bool,
    options: Mapping[str, object],
) -> tuple[SinglePass | None, list[Finding]]:
    """Returns what the builder would build, if it can tell, and the fault that stops it at once.

    A download of which whole parts are absent stops the builder; here the rest is checked too.
    """
    try:
        return builder.prepare(folder, config=config, allow_missing=allow_missing, **options), []
    except UserError as error:
        fault = Finding("fault", "release", "reasons to stop at once", "", [str(error)])
    if allow_missing:
        return None, [fault]
    try:
        state = builder.prepare(folder, config=config, allow_missing=True, **options)
    except UserError:
        return None, [fault]
    state.missing += [f"clip {clip_id} is not there" for clip_id in state.listing.absent]
    state.missing += [f"clip {clip_id}: no image in its folder" for clip_id in state.listing.empty]
    return state, [fault]
