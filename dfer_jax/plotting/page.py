"""Writes a page: one HTML file that needs nothing else, and its pictures and tables beside it."""

import errno
import os
import string
from collections.abc import Sequence
from html import escape
from pathlib import Path

from dfer_jax.errors import UserError
from dfer_jax.plotting.markup import Section
from dfer_jax.runtime.durable_files import replacing


def write_page(path: str, *, title: str, parts: Sequence[Section], folder: str) -> str:
    """Writes a self-contained page and, into `folder`, its pictures and tables; returns `path`.

    Raises:
        UserError: if something cannot be written.
    """
    page = render(parts, title=title)
    try:
        os.makedirs(folder, exist_ok=True)
        for part in parts:
            for item in (*part.charts, *part.tables):
                item.save(folder)
        with replacing(path) as file:
            file.write(page)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise  # said with how much is free
        raise UserError(f"cannot write {path} ({error.strerror}); make it writable") from error
    return path


def render(parts: Sequence[Section], *, title: str) -> str:
    """Returns the text of the page."""
    template = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
    body = "\n".join(part.html for part in parts)
    return string.Template(template).substitute(title=escape(title), body=body)
