"""What a training that goes on must have in common with its checkpoint: the data."""

from collections.abc import Callable, Mapping
from typing import Any

from dfer_jax.errors import UserError, list_in_line
from dfer_jax.runs.checkpoint_files import checkpoint_dir

ReadContents = Callable[[], Mapping[str, str]] | None
"""Returns the checksums of a data set's `frames` and `labels`."""


def check_same_data(
    workdir: str,
    step: int,
    before: Mapping[str, Any],
    now: Mapping[str, Any],
    contents: ReadContents = None,
) -> None:
    """Refuses to go on with other classes, more or fewer clips to train on, or other clips.

    Args:
        workdir: of the run.
        step: of the checkpoint.
        before: what the checkpoint says of itself; older ones say no sizes, or no contents.
        now: what the next one will say.
        contents: reads the checksums of the data's `frames` and `labels`; asked only if the
            checkpoint has them.

    Raises:
        UserError: if the data set is another.
    """
    where = f"checkpoint {step} in {checkpoint_dir(workdir)}"
    found, classes = tuple(before["classes"]), tuple(now["classes"])
    if found != classes:
        raise UserError(
            f"{where} tells {len(found)} classes apart ({list_in_line(found)}), but the data set "
            f"has {len(classes)} ({list_in_line(classes)}); choose another --workdir, where "
            f"train.init_from={workdir} keeps the backbone"
        )
    size, size_now = (_size(metadata.get("sizes")) for metadata in (before, now))
    if size and size_now and size != size_now:
        raise UserError(
            f"the data set has changed: {where} was trained on {size:,} clips or windows, and now "
            f"there are {size_now:,}; bring the data back as they were, or choose another --workdir"
        )
    known = before.get("contents")
    if contents is not None and isinstance(known, dict) and (what := others(known, contents())):
        raise UserError(
            f"the data set has changed: {where} was trained on {what}; bring the data back as they "
            f"were, or choose another --workdir, where train.init_from={workdir} keeps the weights"
        )


def others(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Returns what differs in two data sets, such as "other labels"; "" if nothing does.

    Args:
        before: checksums of `frames` and `labels`.
        now: the same.
    """
    what = {"frames": "other clips or frames", "labels": "other labels"}
    return " and ".join(what[name] for name in what if before.get(name) != now.get(name))


def _size(sizes: Any) -> int | None:
    found = sizes.get("train") if isinstance(sizes, dict) else None
    return found if isinstance(found, int) else None
