"""The judged clips of a run, written for programs (JSON) and for people who check labels (CSV)."""

import dataclasses
import os
from typing import Any

import numpy as np

from dfer_jax.errors import UserError, writing
from dfer_jax.runtime.durable_files import replacing, write_json
from dfer_jax.runtime.json_text import parse_object
from dfer_jax.runtime.spreadsheet import SpreadsheetWriter
from dfer_jax.training.agreement import VERDICTS

_NOISY = VERDICTS.index("noisy")


@dataclasses.dataclass(frozen=True)
class Judged:
    """What K views of each of n clips are taken for, in the order of the source.

    Attributes:
        classes: names that the labels are indices into.
        views: K.
        clip_ids: str `[n]`.
        labels: int32 `[n]`, indices into `classes`, as the data set has them.
        modal_class: int32 `[n]`, the class that most views are taken for.
        share: float32 `[n]`, the part of the views that are, 1/K..1.
        margin: float32 `[n]` in [0, 1], the largest mean probability less the label's.
        label_probability: float32 `[n]` in [0, 1], the label's mean probability over the views.
        verdict: int8 `[n]`, index into `agreement.VERDICTS`.
    """

    classes: tuple[str, ...]
    views: int
    clip_ids: np.ndarray
    labels: np.ndarray
    modal_class: np.ndarray
    share: np.ndarray
    margin: np.ndarray
    label_probability: np.ndarray
    verdict: np.ndarray

    def __len__(self) -> int:
        return len(self.clip_ids)

    @property
    def counts(self) -> dict[str, int]:
        """Clips of each verdict."""
        return {name: int((self.verdict == i).sum()) for i, name in enumerate(VERDICTS)}

    @property
    def levels(self) -> np.ndarray:
        """Views that voted for the modal class, int `[n]`, 1..K."""
        return np.round(self.share * self.views).astype(np.int64)

    @property
    def noisiest(self) -> np.ndarray:
        """Rows of the clips judged noisy, the largest margin first."""
        ranked = self.by_margin
        return ranked[self.verdict[ranked] == _NOISY]

    @property
    def by_margin(self) -> np.ndarray:
        """All rows, the largest margin first; equal ones in the order of the source."""
        return np.argsort(-self.margin, kind="stable")

    @property
    def hardest(self) -> np.ndarray:
        """Rows of the clips on which the views differ, most first, then by margin."""
        ranked = self.by_margin
        ranked = ranked[np.argsort(self.share[ranked], kind="stable")]
        return ranked[self.share[ranked] < 1]

    def rows(self) -> list[dict[str, Any]]:
        """Returns one JSON-ready dict per clip; its numbers give the arrays back exactly."""
        return [
            {
                "clip_id": str(self.clip_ids[i]),
                "label": self.classes[self.labels[i]],
                "modal_class": self.classes[self.modal_class[i]],
                "agreement": _nine_digits(self.share[i]),
                "margin": _nine_digits(self.margin[i]),
                "label_probability": _nine_digits(self.label_probability[i]),
                "verdict": VERDICTS[self.verdict[i]],
            }
            for i in range(len(self))
        ]


def judged_file(workdir: str, file_name: str = "train") -> str:
    """Returns where `write_judged` writes what the views said."""
    return os.path.join(workdir, "eval", f"{file_name}.judged.json")


def write_judged(workdir: str, file_name: str, judged: Judged, about: dict[str, Any]) -> str:
    """Writes `<workdir>/eval/<file_name>.judged.json` and `.csv`; returns the former's path.

    The JSON has the clips in the order of the source, the CSV by margin, the largest first: the
    labels most likely to be wrong are at its top.

    Args:
        workdir: of the run.
        file_name: the split.
        judged: what the views said.
        about: dataset, step, settings of the verdict, stored as they are.

    Raises:
        UserError: if a file cannot be written.
    """
    path, rows = judged_file(workdir, file_name), judged.rows()
    content = {
        **about,
        "classes": list(judged.classes),
        "views": judged.views,
        "num_clips": len(judged),
        "counts": judged.counts,
        "clips": rows,
    }
    with writing(path, "make it writable"):
        write_json(path, content)
        _write_csv(path.removesuffix("json") + "csv", [rows[i] for i in judged.by_margin])
    return path


def read_judged(path: str) -> tuple[Judged, dict[str, Any]]:
    """Returns what `write_judged` wrote, and `about`.

    Raises:
        UserError: if the file cannot be read or is damaged.
    """
    again = "write it again with `dfer judge`"
    try:
        with open(path, encoding="utf-8") as file:
            raw = parse_object(file.read())
        judged = _parse(raw)
        if judged.counts != raw["counts"]:
            raise ValueError("its clips do not add up to its counts")
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); {again}") from error
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise UserError(f"{path} is damaged ({reason}); {again}") from error
    own = ("classes", "views", "num_clips", "counts", "clips")
    return judged, {name: value for name, value in raw.items() if name not in own}


def _parse(raw: dict[str, Any]) -> Judged:
    classes = tuple(map(str, raw["classes"]))
    rows = raw["clips"]
    if not rows:
        raise ValueError("it has no clip")

    def column(name: str, dtype: type) -> np.ndarray:
        return np.array([row[name] for row in rows], dtype)

    def index(name: str, names: tuple[str, ...], dtype: type) -> np.ndarray:
        if unknown := {row[name] for row in rows} - set(names):
            raise ValueError(f"{name} {min(unknown)!r} is none of {', '.join(names)}")
        return np.array([names.index(row[name]) for row in rows], dtype)

    judged = Judged(
        classes=classes,
        views=int(raw["views"]),
        clip_ids=column("clip_id", str),
        labels=index("label", classes, np.int32),
        modal_class=index("modal_class", classes, np.int32),
        share=column("agreement", np.float32),
        margin=column("margin", np.float32),
        label_probability=column("label_probability", np.float32),
        verdict=index("verdict", VERDICTS, np.int8),
    )
    for values in (judged.share, judged.margin, judged.label_probability):
        if not ((values >= 0) & (values <= 1.0001)).all():  # NaN fails too
            raise ValueError("a share, margin or probability is not in [0, 1]")
    return judged


def _write_csv(path: str, rows: list[dict[str, Any]]) -> None:
    with replacing(path) as file:
        SpreadsheetWriter(file).writerows([rows[0], *(row.values() for row in rows)])


def _nine_digits(value: np.float32) -> float:
    """As many as tell every float32 from its neighbours."""
    return float(f"{float(value):.9g}")
