"""The report: one self-contained HTML page of a run, or of several side by side.

`inputs` reads what a run left in its work directory, the sections (`sections`, `classes`,
`intensity`, `embedding`, `calibration`, `gates`, `filmstrips`, `label_check`, `seeds`) turn it into
HTML, charts and tables, `page` puts one run together and `comparison` several. The same command
writes the pages of runs on frames, by `dfer_jax.frames.report`. Example:

    dfer report runs/synthetic
    dfer report runs/ce runs/ial runs/gca_ial --out compare.html
"""

from dfer_jax.clips.report.page import shown_in_full, write_report
from dfer_jax.runs.evaluation_files import is_evaluated

__all__ = ["is_evaluated", "shown_in_full", "write_report"]
