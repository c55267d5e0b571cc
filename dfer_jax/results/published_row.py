"""One row of a paper's table."""

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class PublishedRow:
    """One row of a paper's table; percentages, as printed.

    Attributes:
        method: name in the paper.
        source: paper and table.
        protocol: what was tested on, and how the epoch was chosen.
        datasets: TFDS names with their config.
        settings: config fields that make it this row, by dotted name; one that a config does not
            have counts as off there, and a frozenset holds the values that will do. Empty where no
            config of ours does.
        uar: in percent; None where it is lost.
        war: in percent.
        recall: per class in the data set's order, in percent, NaN where lost; empty if not printed.
        note: what to know of the row: a misprint, another source's number.
    """

    method: str
    source: str
    protocol: str
    datasets: tuple[str, ...]
    settings: Mapping[str, Any]
    uar: float | None
    war: float
    recall: tuple[float, ...] = ()
    note: str = ""
