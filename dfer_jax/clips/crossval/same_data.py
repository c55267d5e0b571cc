"""Refuses to go on with a table some runs of which were trained before the data set changed."""

import contextlib
from collections.abc import Mapping, Sequence

from dfer_jax.clips.crossval.runs import Run
from dfer_jax.data.identity import read_if_there
from dfer_jax.errors import UserError
from dfer_jax.runs import checkpoint, given_weights, resumption


def check(runs: Sequence[Run]) -> None:
    """Refuses runs that were trained on other clips, frames or labels than there are now.

    Where the data set is not at hand they are compared with one another. Runs whose checkpoints do
    not say, or were deleted, pass.

    Args:
        runs: of one table; those that train nothing are not looked at.

    Raises:
        UserError: which names the first such run, and what changed.
    """
    now: dict[tuple[str, str], Mapping[str, str]] = {}
    for run in runs:
        if run.weights or not (before := _trained_on(run.workdir)):
            continue
        data = run.config.data.dataset, run.config.data.data_dir
        if data not in now:
            now[data] = read_if_there(*data) or before
        if what := resumption.others(before, now[data]):
            raise UserError(
                f"{data[0]} has changed: {run.name} in {run.workdir} was trained on {what}, and a "
                "table is of one data set; bring the data back as they were, or choose another "
                "--workdir"
            )


def check_alike(workdirs: Sequence[str]) -> None:
    """Refuses runs that were trained on other clips, frames or labels than the first that says.

    Raises:
        UserError: which names both.
    """
    said = {workdir: found for workdir in workdirs if (found := _trained_on(workdir))}
    for workdir, found in said.items():
        first = next(iter(said))
        if what := resumption.others(said[first], found):
            raise UserError(
                f"{workdir} was trained on {what} than {first}, and a table is of one data set; "
                "leave one of them out, or train it anew"
            )


def _trained_on(workdir: str) -> Mapping[str, str] | None:
    if checkpoint.any_in(workdir):
        with contextlib.suppress(UserError):  # of a damaged one, which the run itself tells
            found = given_weights.describe(workdir).get("contents")
            return found if isinstance(found, dict) else None
    return None
