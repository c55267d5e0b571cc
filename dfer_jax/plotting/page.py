"""Writes a page: one HTML file that needs nothing else, and its pictures and tables beside it."""

import os
import string
from collections.abc import Sequence
from html import escape
from pathlib import Path

from dfer_jax.errors import writing
from dfer_jax.plotting.markup import Section
from dfer_jax.runtime.durable_files import replacing


def write_page(path: str, *, title: str, parts: Sequence[Section], folder: str) -> str:
    """Writes a self-contained page and, into `folder`, its pictures and tables; returns `path`.

    Raises:
        UserError: if something cannot be written.
    """
    page = render(parts, title=title)
    with writing(path, "make it writable"):
        os.makedirs(folder, exist_ok=True)
        for part in parts:
            for item in (*part.charts, *part.tables):
                item.save(folder)
        with replacing(path) as file:
            file.write(page)
    return path


def render(parts: Sequence[Section], *, title: str) -> str:
    """Returns the text of the page."""
    template = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
    body = "\n".join(part.html for part in parts)
    return string.Template(template).substitute(title=escape(title), body=body)
