"""Which classes are recognised: confusion matrix and recall per class."""

from dfer_jax.clips.report.inputs import Evaluation
from dfer_jax.plotting.charts import recall_chart
from dfer_jax.plotting.confusion import matrix, matrix_chart
from dfer_jax.plotting.markup import Section, panel, protocol, section, side_by_side
from dfer_jax.plotting.tables import Table
from dfer_jax.results.intervals import wilson_interval


def class_results(evaluation: Evaluation) -> Section:
    """Returns the confusion matrix and the recall of each class."""
    counts = evaluation.confusion
    recall = recall_chart(
        evaluation.classes,
        evaluation.correct[None],
        evaluation.totals[None],
        runs=["recall"],
        name="classes",
    )
    chosen = protocol(evaluation.selection)
    html = section(
        "Which classes are recognised",
        f"{chosen}, {evaluation.num_clips:,} clips. Rows of the matrix are the "
        "truth, columns the prediction; colour and percentage are shares of the row. Bars: recall "
        "with its 95 % interval; dotted: chance among the classes that have clips.",
        side_by_side(
            panel("Confusion matrix", matrix(evaluation.classes, counts)),
            panel("Recall of each class", recall.svg()),
        ),
    )
    rows = [[name, *row] for name, row in zip(evaluation.classes, counts.tolist(), strict=True)]
    confusion = Table("confusion", ["truth", *evaluation.classes], rows)
    return Section(
        html, [matrix_chart(evaluation.classes, counts), recall], [confusion, _recalls(evaluation)]
    )


def _recalls(evaluation: Evaluation) -> Table:
    """Returns the recalls with their intervals, in percent."""
    correct, totals = evaluation.correct, evaluation.totals
    low, high = wilson_interval(correct, totals)
    columns = (100 * evaluation.recall, 100 * low, 100 * high)
    rows = zip(
        evaluation.classes,
        totals.tolist(),
        correct.tolist(),
        *(column.tolist() for column in columns),
        strict=True,
    )
    heads = ["class", "clips", "right", "recall", "95 % low", "95 % high"]
    return Table("recall-per-class", heads, [list(row) for row in rows])
