"""Refuses to go on with a table some runs of which were trained before the data set changed."""

import contextlib
import functools
from collections.abc import Mapping, Sequence

from dfer_jax.clips.crossval.runs import Run
from dfer_jax.data.identity import read_if_there
from dfer_jax.errors import UserError
from dfer_jax.runs import checkpoint, given_weights, resumption


def check(runs: Sequence[Run]) -> None:
    """Refuses runs that were trained on other clips, frames or labels than there are now.

    Runs whose checkpoints do not say or were deleted, and data sets that are not at hand, pass.

    Args:
        runs: of one table; those that train nothing are not looked at.

    Raises:
        UserError: which names the first such run, and what changed.
    """
    contents = functools.cache(read_if_there)
    for run in runs:
        before = None if run.weights else _trained_on(run.workdir)
        now = before and contents(run.config.data.dataset, run.config.data.data_dir)
        if before and now and (what := resumption.others(before, now)):
            raise UserError(
                f"{run.config.data.dataset} has changed: {run.name} in {run.workdir} was trained "
                f"on {what}, and a table is of one data set; bring the data back as they were, or "
                "choose another --workdir"
            )


def _trained_on(workdir: str) -> Mapping[str, str] | None:
    if checkpoint.any_in(workdir):
        with contextlib.suppress(UserError):  # of a damaged one, which the run itself tells
            found = given_weights.describe(workdir).get("contents")
            return found if isinstance(found, dict) else None
    return None
