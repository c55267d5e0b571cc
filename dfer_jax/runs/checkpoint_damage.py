"""What becomes of a damaged checkpoint: a run sets it aside, whoever only reads is told."""

from collections.abc import Mapping

from absl import logging

from dfer_jax.errors import UserError
from dfer_jax.runs import checkpoint_files
from dfer_jax.runs.checkpoint_files import DamagedError, checkpoint_dir
from dfer_jax.runtime import processes


def set_damaged_aside(workdir: str, known: Mapping[int, str] | None = None) -> int | None:
    """Sets damaged checkpoints aside, saying so; returns the newest intact one, on all processes.

    Args:
        workdir: of the run.
        known: what is wrong with some of them, found by loading.

    Raises:
        UserError: if none is left of those that were there.
    """
    damage, left = {}, None
    if processes.is_first():
        damage = _damage(workdir, known or {})
        names = {step: checkpoint_files.set_aside(workdir, step) for step in sorted(damage)}
        left = max(checkpoint_files.steps(workdir), default=None)
    count, left = processes.gather((len(damage), left))[0]
    for step in sorted(damage, reverse=True):
        lost = f"; {step - left} steps are trained again" if left and step > left else ""
        logging.warning(
            "checkpoint %d is damaged (%s) and was set aside as checkpoints/%s%s",
            *(step, damage[step], names[step], lost),
        )
    if count and left is None:
        raise UserError(
            f"no intact checkpoint is left in {checkpoint_dir(workdir)} ({count} set aside "
            "as damaged); run the same command again to train from the start"
        )
    return left


def _damage(workdir: str, known: Mapping[int, str]) -> dict[int, str]:
    """What is wrong with checkpoints, by step; contents are compared down to the first intact."""
    damage, settled = dict(known), False
    for step in reversed(checkpoint_files.steps(workdir)):
        folder = checkpoint_files.step_dir(workdir, step)
        try:
            checkpoint_files.describe(folder)
            if step not in damage and not settled:
                checkpoint_files.check_content(folder)
                settled = True
        except DamagedError as found:
            damage.setdefault(step, str(found))
    return damage


def refused(workdir: str, step: int, damage: DamagedError) -> UserError:
    """What to say of a checkpoint that is damaged where nothing may be set aside."""
    where = f"checkpoint {step} in {checkpoint_dir(workdir)} is damaged ({damage})"
    others = [s for s in checkpoint_files.steps(workdir) if s != step and is_whole(workdir, s)]
    if not others:
        return UserError(f"{where} and no other is intact; train again in a new --workdir")
    return UserError(
        f"{where}, checkpoint {others[-1]} is intact; rename {step} to damaged-{step} to use that, "
        "or run dfer train again, which goes on from there"
    )


def is_whole(workdir: str, step: int) -> bool:
    """Whether one checkpoint has all its parts, each as its checksum says."""
    folder = checkpoint_files.step_dir(workdir, step)
    try:
        checkpoint_files.describe(folder)
        checkpoint_files.check_content(folder)
    except DamagedError:
        return False
    return True
