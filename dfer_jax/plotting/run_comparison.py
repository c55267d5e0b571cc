"""Sections that comparisons of runs share."""

import os
from collections.abc import Mapping, Sequence

from dfer_jax.errors import UserError
from dfer_jax.plotting.charts import Curve, line_chart
from dfer_jax.plotting.markup import Section, panel, section, side_by_side
from dfer_jax.plotting.tables import Table
from dfer_jax.runs.read_files import Series


def run_names(workdirs: Sequence[str]) -> list[str]:
    """Returns the parts of the paths in which the runs differ.

    Raises:
        UserError: if one is given twice.
    """
    parts = [os.path.abspath(workdir).split(os.sep) for workdir in workdirs]
    shared = len(os.path.commonpath([os.path.abspath(w) for w in workdirs]).split(os.sep))
    names = ["/".join(p[min(shared, len(p) - 1) :]) for p in parts]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"the run {name} is given twice; name each work directory once")
    return names


def curves_of_runs(series: Mapping[str, Series], headings: Mapping[str, str]) -> Section:
    """Returns what was logged over the epochs, all runs in one chart per metric.

    Args:
        series: run -> its curves.
        headings: metric -> what it is called; those that no run has are left out.
    """
    panels, charts = [], []
    for metric, heading in headings.items():
        curves = [
            Curve(run, number, *found[metric])
            for number, (run, found) in enumerate(series.items())
            if metric in found
        ]
        if curves:
            share = not metric.endswith("loss")
            name = "curves-" + metric.replace("/", "-")
            chart = line_chart(curves, name=name, label=f"{heading} of each run", percent=share)
            charts.append(chart)
            panels.append(panel(heading, chart.svg()))
    if not charts:
        return Section()
    return Section(section("Learning curves", "", side_by_side(*panels)), charts)


def differences(configs: Mapping[str, Mapping[str, str]]) -> Section:
    """Returns the fields in which the runs' configurations differ; empty where none do.

    What has no configuration of its own, as an ensemble, is left out.
    """
    configs = {run: fields_of for run, fields_of in configs.items() if fields_of}
    fields = dict.fromkeys(field for fields_of in configs.values() for field in fields_of)
    rows = [
        [field, *(fields_of.get(field, "") for fields_of in configs.values())]
        for field in fields
        if len({fields_of.get(field, "") for fields_of in configs.values()}) > 1
    ]
    if not rows:
        return Section()
    table = Table("configurations", ["field", *configs], rows)
    return Section(section("What differs between the runs", "", table.html()), tables=[table])
