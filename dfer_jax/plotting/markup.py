"""What every section of the page shares: its form, number formats, names of protocols."""

import dataclasses
from collections.abc import Sequence
from html import escape

import numpy as np

from dfer_jax.plotting.picture import Chart
from dfer_jax.plotting.tables import Table

PROTOCOLS = {
    "last": ("Last epoch", "The test clips took no part in choosing it."),
    "best on test": (
        "Best epoch chosen on test",
        "The papers' protocol. Optimistic: the clips that pick the epoch also score it.",
    ),
    "best on validation": (
        "Best epoch chosen on validation",
        "The epoch was picked on clips held out of training; the test clips only score it.",
    ),
    "imported": (
        "Imported weights",
        "Their training, and how their epoch was chosen, is not recorded here.",
    ),
}
"""Selection of an evaluation -> its name and what it means, in plain words."""


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of the page; empty where its data are missing.

    Attributes:
        html: what the page shows.
        charts: pictures also saved as files for papers.
        tables: also saved as CSV and LaTeX.
    """

    html: str = ""
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = ()


def protocol(selection: str) -> str:
    """Returns the plain name of how the evaluated epoch was chosen."""
    return PROTOCOLS.get(selection, (selection,))[0]


def percent(share: float, digits: int = 1) -> str:
    """Returns a share in [0, 1] as a percentage; "n/a" when it is not finite."""
    return f"{100 * share:.{digits}f} %" if np.isfinite(share) else "n/a"


def section(title: str, note: str, body: str) -> str:
    """Returns a section of the page: `title` and `note` are text, `body` is HTML."""
    note = f"<p class='note'>{escape(note)}</p>" if note else ""
    return f"<section><h2>{escape(title)}</h2>{note}{body}</section>"


def panel(heading: str, content: str) -> str:
    """Returns a headed part of a section; `heading` is text, `content` HTML."""
    return f"<div><h3>{escape(heading)}</h3>{content}</div>"


def side_by_side(*panels: str) -> str:
    """Returns panels in columns, below each other on narrow screens."""
    return f"<div class='pair'>{''.join(panels)}</div>"
