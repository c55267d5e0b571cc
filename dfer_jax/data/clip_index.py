"""What is known of many clips without their frames, and the validation part carved out of them."""

import dataclasses
import re
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int64

from dfer_jax.errors import UserError, counted


@dataclasses.dataclass(frozen=True)
class Relabelling:
    """Other classes for the labels of a data set.

    Attributes:
        classes: names that the new labels are indices into.
        places: for each class of the data set its place in `classes`, -1 where it has none.
    """

    classes: tuple[str, ...]
    places: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class ClipIndex:
    """What is known of every clip of a source without its frames, in the order of the source.

    Attributes:
        clip_ids: str `[clips]`.
        labels: int32 `[clips]`, indices into the classes of the source.
        num_frames: int32 `[clips]`.
        identities: int32 `[clips]`, the person shown; None where the dataset does not say.
        groups: str `[clips]`, clips that belong on the same side of every division; "" where
            unknown, None likewise.
        peak_intensities: float32 `[clips]`, the strongest expression in the clip; None likewise.
        votes: int32 `[clips, classes]`, the annotators' for each class, zeros where unknown; None
            likewise, and where the source has other classes than the dataset.
    """

    clip_ids: np.ndarray
    labels: np.ndarray
    num_frames: np.ndarray
    identities: np.ndarray | None = None
    groups: np.ndarray | None = None
    peak_intensities: np.ndarray | None = None
    votes: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.clip_ids)

    def columns(self) -> dict[str, np.ndarray]:
        """Returns the arrays the dataset has, by name."""
        named = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: column for name, column in named.items() if column is not None}

    def take(self, rows: np.ndarray) -> "ClipIndex":
        """Returns the index of the clips at these rows, in the order given."""
        return ClipIndex(**{name: column[rows] for name, column in self.columns().items()})


def carve_validation(
    index: ClipIndex, *, fraction: float
) -> tuple[Int64[np.ndarray, " train"], Int64[np.ndarray, " val"]]:
    """Divides training clips into a part to train on and a part to validate on.

    Where the dataset names the person shown, or groups its clips, the last `fraction` of the
    persons or groups go to validation, so that what they show is unseen; a clip without a group is
    one of its own, and case does not matter. Otherwise the last `fraction` of each class does, in
    the order of the clip ids: ids follow the source films, so one block keeps most of a film on one
    side. There is no chance in it: the same clips give the same division.

    Args:
        index: what `source.clip_index` returns for the training split.
        fraction: share of the clips of each class (or of the persons, or groups) to validate on, in
            (0, 1).

    Returns:
        positions in the source for training and for validation, each ascending.

    Raises:
        UserError: if the fraction is out of range or leaves one of the two parts empty.
    """
    if not 0 < fraction < 1:
        raise UserError(f"the validation share must be between 0 and 1, got {fraction}")
    together = _kept_together(index)
    held_out = np.zeros(len(index), bool)
    if together is not None:
        units = np.array(sorted(np.unique(together), key=lambda unit: _in_order(str(unit))))
        held_out = np.isin(together, _last(units, fraction))
    else:
        order = np.array(sorted(range(len(index)), key=lambda i: _in_order(index.clip_ids[i])))
        for label in np.unique(index.labels):
            held_out[_last(order[index.labels[order] == label], fraction)] = True
    if held_out.all() or not held_out.any():
        raise UserError(
            f"a validation share of {fraction} of {counted(len(held_out), 'clip')} leaves nothing "
            f"to {'train' if held_out.all() else 'validate'} on; choose another share"
        )
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def _kept_together(index: ClipIndex) -> np.ndarray | None:
    """Returns what must not be divided, per clip; None if nothing is known of it."""
    if index.identities is not None or index.groups is None or not (index.groups != "").any():
        return index.identities
    pairs = zip(index.groups.tolist(), index.clip_ids.tolist(), strict=True)
    return np.array([group.casefold() or clip for group, clip in pairs])


def draw_balanced(
    index: ClipIndex, *, classes: Sequence[str], per_class: int, seed: int
) -> Int64[np.ndarray, " chosen"]:
    """Draws the same number of clips of every class, without replacement.

    Args:
        index: of the training clips.
        classes: their names.
        per_class: clips of each class, at least 1.
        seed: what is drawn follows from it and the index alone.

    Returns:
        positions in the source, ascending.

    Raises:
        UserError: if a class has fewer clips.

    Source: balanced-subset pre-training of Optimized IAL (APSIPA ASC 2024, section III-D).
    """
    rng = np.random.default_rng(seed)
    chosen = []
    for label, name in enumerate(classes):
        clips = np.flatnonzero(index.labels == label)
        if not len(clips):
            raise UserError(
                f"{per_class} of the training clips of each class are asked for, but none is of "
                f"{name}; train on a split that has clips of every class, or on all that are there "
                "(pretrain.epochs=0, data.clips_per_class=0)"
            )
        if len(clips) < per_class:
            raise UserError(
                f"{per_class} training clips of each class are asked for, but {name} has only "
                f"{len(clips)}; lower the number"
            )
        chosen.append(rng.choice(clips, per_class, replace=False))
    return np.sort(np.concatenate(chosen))


def _last(items: np.ndarray, fraction: float) -> np.ndarray:
    """Returns the last `fraction` of the items, rounded; at least one stays behind."""
    count = min(round(fraction * len(items)), len(items) - 1)
    return items[len(items) - count :]


def _in_order(name: str) -> list[tuple[int, int, str]]:
    """Sort key in which numbers inside a name count as numbers."""
    parts = re.findall(r"\d+|\D+", name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]
