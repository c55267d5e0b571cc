"""What a comparison would do: each printed row with its config, and how far its runs are."""

from collections import Counter

from dfer_jax.clips.compare.comparison import Comparison, Entry
from dfer_jax.clips.crossval import runs
from dfer_jax.results.published_row import PublishedRow


def describe(comparison: Comparison, directory: str) -> str:
    """Returns it as text.

    Args:
        comparison: what is asked for.
        directory: of its runs.
    """
    plan = comparison.plan(directory)
    lines = [comparison.title, comparison.note, ""]
    for entry in comparison.entries:
        lines += [*_entry(entry), f"    runs: {_states(plan[entry.name])}"]
        if entry.weights:
            lines.append(f"    evaluated, not trained: the weights in {entry.weights}")
    if rest := comparison.printed_only:
        lines += ["", "Printed rows that no config reproduces:"]
        lines += [line for row in rest for line in (f"{row.method}", *_printed(row))]
    count = sum(map(len, plan.values()))
    return "\n".join([*lines, "", f"{len(plan)} experiments, {count} runs in {directory}"])


def _entry(entry: Entry) -> list[str]:
    fields = " ".join(f"{name}={value!r}" for name, value in entry.fields.items())
    row = entry.published
    return [
        entry.name,
        f"    {entry.file} {fields}".rstrip(),
        *(_printed(row) if row else ["    no printed row"]),
    ]


def _printed(row: PublishedRow) -> list[str]:
    uar = "-" if row.uar is None else f"{row.uar:.2f}"
    lines = [f"    printed: UAR {uar}, WAR {row.war:.2f} ({row.source}; {row.protocol})"]
    return [*lines, *([f"    {row.note}"] if row.note else [])]


def _states(planned: list[runs.Run]) -> str:
    counts = Counter(runs.state(run).word for run in planned)
    return ", ".join(f"{count} {word}" for word, count in counts.items())
