"""The report of a run on frames: one self-contained HTML page of a run, or of several.

`inputs` reads what a run left in its work directory; `scores`, `classes` and `videos` (with its
`timelines`) turn it into sections, `page` puts one run together and `comparison` several. The
command is that of `dfer_jax.clips.report`.
"""

from dfer_jax.frames.report.inputs import fits
from dfer_jax.frames.report.page import write_report

__all__ = ["fits", "write_report"]
