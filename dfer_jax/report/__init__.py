"""The report: one self-contained HTML page of a run, or of several side by side.

`inputs` reads what a run left in its work directory, the sections (`sections`, `classes`,
`intensity`, `embedding`, `calibration`, `gates`, `filmstrips`, `label_check`, `seeds`) turn it into
HTML, charts and tables, `page` puts one run together and `comparison` several. The same command
writes the pages of runs on frames, by `dfer_jax.frames.report`. Example:

    python -m dfer_jax.report runs/synthetic
    python -m dfer_jax.report runs/ce runs/ial runs/gca_ial --out compare.html
"""

from dfer_jax.report.inputs import is_evaluated
from dfer_jax.report.page import write_report

__all__ = ["is_evaluated", "write_report"]
