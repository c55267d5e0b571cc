"""What every part of the report's page shares: sections, number formats, names of protocols."""

from html import escape

import numpy as np

from dfer_jax.report_inputs import Evaluation

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


def protocol(evaluation: Evaluation) -> str:
    """Returns the plain name of how the evaluated epoch was chosen."""
    return PROTOCOLS.get(evaluation.selection, (evaluation.selection,))[0]


def percent(share: float, digits: int = 1) -> str:
    """Returns a share in [0, 1] as a percentage; "n/a" when it is not finite."""
    return f"{100 * share:.{digits}f} %" if np.isfinite(share) else "n/a"


def section(title: str, note: str, body: str) -> str:
    """Returns a section of the page: `title` and `note` are text, `body` is HTML."""
    note = f"<p class='note'>{escape(note)}</p>" if note else ""
    return f"<section><h2>{escape(title)}</h2>{note}{body}</section>"
