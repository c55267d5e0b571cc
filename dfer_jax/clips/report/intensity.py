"""Weak and strong expressions: recall against the ground-truth intensity of a clip's peak."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float

from dfer_jax.clips.report.inputs import Evaluation
from dfer_jax.plotting.charts import Bins, bin_by_intensity, intensity_chart
from dfer_jax.plotting.markup import Section, protocol, section
from dfer_jax.plotting.tables import Table
from dfer_jax.results.intervals import wilson_interval

_NOTE = (
    "in bins of about equal clip count, by the ground-truth peak intensity of the clip, with 95 % "
    "intervals; dotted: chance. Neutral clips have no intensity and are left out."
)


def intensity_results(runs: Mapping[str, Evaluation]) -> Section:
    """Returns recall against peak intensity, one curve for each run.

    Empty where none of the runs' data sets has such ground truth; runs without it are left out.
    """
    peaks = known_intensities(runs)
    if not peaks:
        return Section()
    bins = bin_by_intensity(peaks)
    main = next(iter(runs.values()))
    chart = intensity_chart(bins, chance=main.chance, name="intensity")
    count = len(next(iter(peaks.values()))[0])
    html = section(
        "Weak and strong expressions",
        f"{protocol(main.selection)}. Recall over {count:,} clips {_NOTE}",
        f"<div class='single'>{chart.svg()}</div>",
    )
    return Section(html, [chart], [_table(bins)])


def known_intensities(
    runs: Mapping[str, Evaluation],
) -> dict[str, tuple[Float[np.ndarray, " n"], Bool[np.ndarray, " n"]]]:
    """Returns peak intensity, and whether it was predicted right, of each run's clips that have it.

    Neutral clips and runs without ground truth are left out.
    """
    peaks = {}
    for name, evaluation in runs.items():
        clips = [p for p in evaluation.predictions if p.label != "neutral"]
        clips = [p for p in clips if np.isfinite(p.peak_intensity)]
        if clips:
            peak = np.array([clip.peak_intensity for clip in clips])
            peaks[name] = peak, np.array([clip.right for clip in clips])
    return peaks


def _table(bins: Bins) -> Table:
    """Returns the curves as numbers, recall in percent."""
    rows = []
    for run, totals in bins.totals.items():
        low, high = wilson_interval(bins.correct[run], totals)
        for i, total in enumerate(totals.tolist()):
            if total:
                right = int(bins.correct[run][i])
                edges = [float(edge) for edge in bins.edges[i : i + 2]]
                shares = [100 * float(s) for s in (right / total, low[i], high[i])]
                rows.append([run, *edges, total, right, *shares])
    heads = ["run", "peak from", "peak to", "clips", "right", "recall", "95 % low", "95 % high"]
    return Table("recall-by-intensity", heads, rows)
