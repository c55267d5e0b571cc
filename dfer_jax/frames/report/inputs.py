"""Reads the evaluations that a run on frames left in its work directory, checked."""

import dataclasses
import math
import os
import re
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from dfer_jax.errors import UserError
from dfer_jax.frames.evaluation import FrameEvaluation, read_evaluation
from dfer_jax.frames.metrics import ActionUnitScores, ExpressionScores
from dfer_jax.plotting.markup import PROTOCOLS
from dfer_jax.runs.evaluation_files import evaluation_files, is_of_frames


class ClassCounts(NamedTuple):
    """Labelled frames of each class or action unit, int64 `[..., k]`."""

    hits: Int[np.ndarray, "... k"]
    extra: Int[np.ndarray, "... k"]  # predicted, not true
    missed: Int[np.ndarray, "... k"]  # true, not predicted


@dataclasses.dataclass(frozen=True)
class Evaluated:
    """One `eval/<split>[.best].json` with its arrays.

    Attributes:
        result: what the network says of every frame.
        file, dataset, split, selection, epoch, step, model: as the file says.
    """

    result: FrameEvaluation
    file: str
    dataset: str
    split: str
    selection: str
    epoch: float
    step: int
    model: str

    @cached_property
    def scores(self) -> ExpressionScores | ActionUnitScores:
        """F1 and accuracy of the labelled frames."""
        return self.result.scores()

    @cached_property
    def counts(self) -> ClassCounts:
        """Counts of each class over all labelled frames."""
        return ClassCounts(*(count.sum(axis=0) for count in self.counts_by_video))

    @cached_property
    def counts_by_video(self) -> ClassCounts:
        """Counts `[v, k]` of each class in each of `videos`."""
        predicted, truth = active(self.result)
        parts = (predicted & truth, predicted & ~truth, ~predicted & truth)
        sums = np.zeros((3, len(self.videos), truth.shape[1]), np.int64)
        for total, part in zip(sums, parts, strict=True):
            np.add.at(total, self._video_of_frame, part)
        return ClassCounts(*sums)

    @cached_property
    def frames_by_video(self) -> Int[np.ndarray, " v"]:
        """Labelled frames of each of `videos`."""
        return np.bincount(self._video_of_frame, minlength=len(self.videos))

    @cached_property
    def videos(self) -> list[str]:
        """The videos with labelled frames, sorted."""
        return np.unique(self.result.videos[self.result.mask]).tolist()

    @cached_property
    def _video_of_frame(self) -> np.ndarray:
        """Place in `videos` of each labelled frame."""
        return np.searchsorted(np.array(self.videos), self.result.videos[self.result.mask])

    @property
    def epochs_chosen(self) -> str:
        """The selection, of combined networks that of the members."""
        members = re.fullmatch(r"ensemble \((.*); weights .*\)", self.selection)
        return members.group(1) if members else self.selection

    @property
    def protocol(self) -> str:
        """How the evaluated epoch was chosen, in plain words."""
        return PROTOCOLS.get(self.selection, (self.selection,))[0]


def active(result: FrameEvaluation) -> tuple[np.ndarray, np.ndarray]:
    """Returns prediction and truth of the labelled frames, bool `[n, k]` each.

    Of expressions one class of each frame is active.
    """
    labels, logits = result.labels[result.mask], result.logits[result.mask]
    if result.kind == "action_units":
        return logits >= 0, labels == 1
    classes = np.arange(len(result.classes))
    return logits.argmax(axis=1)[:, None] == classes, labels[:, None] == classes


def fits(workdir: str) -> bool:
    """Returns whether a work directory's first evaluation is of frames; False without any."""
    names = evaluation_files(workdir)
    return bool(names) and is_of_frames(os.path.join(workdir, "eval", names[0]))


def read_evaluations(workdir: str) -> list[Evaluated]:
    """Returns the evaluations of `workdir`, the one to report in full first.

    Test splits come before validation, and the last epoch before a chosen one.

    Raises:
        UserError: if there is none, one is damaged, or none of its frames has a label.
    """
    folder, names = os.path.join(workdir, "eval"), evaluation_files(workdir)
    if not names:
        raise UserError(f"no evaluation in {folder}; run dfer eval first")
    found = [_evaluated(os.path.join(folder, name)) for name in names]
    return sorted(found, key=lambda e: (e.split == "validation", e.selection != "last", e.file))


def _evaluated(path: str) -> Evaluated:
    result, about = read_evaluation(path)
    try:
        _check_arrays(result)
        epoch = float(about["epoch"])
        if not math.isfinite(epoch):
            raise ValueError("its epoch is not a finite number")
        return Evaluated(
            result,
            file=os.path.basename(path),
            **{name: str(about[name]) for name in ("dataset", "split", "selection")},
            epoch=epoch,
            step=int(about["step"]),
            model=str(about["model"]["name"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise UserError(f"{path} is damaged ({reason}); evaluate again with dfer eval") from error


def _check_arrays(result: FrameEvaluation) -> None:
    """Refuses arrays that do not describe the same frames."""
    n, k = result.logits.shape
    if result.kind not in ("expressions", "action_units"):
        raise ValueError(f"its kind {result.kind!r} is neither expressions nor action_units")
    units = result.kind == "action_units"
    if result.labels.shape != ((n, k) if units else (n,)) or result.mask.shape != (n,):
        raise ValueError("its labels are of other frames than its logits")
    if result.videos.shape != (n,) or result.numbers.shape != (n,):
        raise ValueError("its videos or frame numbers are of other frames than its logits")
    if result.mask.dtype != bool or not result.mask.any():
        raise ValueError("no frame counts as labelled")
    known = result.labels[result.mask]
    if known.min() < 0 or known.max() >= (2 if units else k):
        raise ValueError("a label is none of its classes")
