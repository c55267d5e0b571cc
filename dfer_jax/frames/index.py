"""What is known of every frame of a split's videos, without the pictures."""

import dataclasses
from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Int8

from dfer_jax.data.clip_index import ClipIndex
from dfer_jax.errors import UserError
from dfer_jax.labels import CLASSES


@dataclasses.dataclass(frozen=True)
class FrameIndex:
    """The frames of v videos, n in all, one video after the other.

    Attributes:
        clip_ids: str `[v]`.
        groups: str `[v]`, videos that belong on the same side of every division.
        starts: int64 `[v + 1]`; the frames of video i are the rows starts[i] .. starts[i + 1] - 1.
        numbers: int32 `[n]`, true frame numbers, ascending in a video, with holes.
        valid: bool `[n]`, whether the frame has a complete label.
        expressions: int8 `[n]`, places in `labels.EXPRESSIONS`, -1 unknown; None without.
        action_units: int8 `[n, 12]`, 0 or 1 by `labels.ACTION_UNITS`, -1 unknown; None without.
    """

    clip_ids: np.ndarray
    groups: np.ndarray
    starts: np.ndarray
    numbers: np.ndarray
    valid: np.ndarray
    expressions: np.ndarray | None = None
    action_units: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def videos(self) -> Iterator[tuple[str, slice]]:
        """Every video's id and its rows."""
        bounds = zip(self.starts[:-1].tolist(), self.starts[1:].tolist(), strict=True)
        return zip(self.clip_ids.tolist(), (slice(a, b) for a, b in bounds), strict=True)

    def columns(self) -> dict[str, np.ndarray]:
        """Returns the arrays that are there, by name."""
        named = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: column for name, column in named.items() if column is not None}

    def labels(self, kind: str, *, with_other: bool) -> tuple[np.ndarray, np.ndarray]:
        """Returns labels and where they count.

        Args:
            kind: `expressions` or `action_units`.
            with_other: whether "other" is a class; else frames labelled so do not count.

        Returns:
            int8 `[n]` or `[n, 12]`, and bool `[n]`, False where a label is not known.

        Raises:
            UserError: if the data set has no such labels.
        """
        found: Int8[np.ndarray, "n ..."] | None = getattr(self, kind)
        if found is None:
            raise UserError(f"the data set has no labels of {kind}; set data.labels to what it has")
        known: Bool[np.ndarray, " n"] = self.valid & (found.reshape(len(self), -1) >= 0).all(axis=1)
        if kind == "expressions" and not with_other:
            known = known & (found < len(CLASSES))
        return found, known

    def clip_index(self) -> ClipIndex:
        """Returns the videos as clips without a label of their own, to divide them by group."""
        return ClipIndex(
            clip_ids=self.clip_ids,
            labels=np.zeros(len(self.clip_ids), np.int32),
            num_frames=np.diff(self.starts).astype(np.int32),
            groups=self.groups,
        )
