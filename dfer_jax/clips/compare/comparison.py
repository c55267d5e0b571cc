"""What is compared: a file's list of experiments, each with its config and its published row."""

import ast
import dataclasses
import importlib.util
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import ml_collections

from dfer_jax.clips.compare import given
from dfer_jax.clips.crossval import runs
from dfer_jax.clips.crossval.runs import Run
from dfer_jax.clips.sources import open_sources
from dfer_jax.errors import UserError, list_in_line
from dfer_jax.results import published
from dfer_jax.results.published_row import PublishedRow
from dfer_jax.runtime import config_file


@dataclasses.dataclass(frozen=True)
class Entry:
    """One experiment.

    Attributes:
        name: of the row.
        file: its config, as `dfer train` takes it.
        fields: set over it, by dotted name.
        config: what comes of both.
        published: the printed row that the config reproduces.
        weights: a run, imported weights or a pretrained folder that is evaluated, not trained, in
            which {fold} and {seed} stand for those of the run; "" to train.
    """

    name: str
    file: str
    fields: Mapping[str, Any]
    config: ml_collections.ConfigDict
    published: PublishedRow | None
    weights: str = ""

    @property
    def folder(self) -> str:
        """Its name as that of a folder."""
        return re.sub(r"[^a-z0-9]+", "_", self.name.lower()).strip("_")


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A list of experiments and their common protocol.

    Attributes:
        title: of the page.
        table: printed rows that stand beside, by its name in `published.TABLES`; "" for none.
        note: a sentence to read with the page.
        folds: to test on; empty for all of the data set.
        seeds: of each fold.
        entries: at least one.
    """

    title: str
    table: str
    note: str
    folds: tuple[int, ...]
    seeds: tuple[int, ...]
    entries: tuple[Entry, ...]

    @property
    def printed_only(self) -> list[PublishedRow]:
        """Rows of the table that no entry reproduces."""
        ours = [entry.published for entry in self.entries]
        return [row for row in published.TABLES.get(self.table, ()) if row not in ours]

    def plan(self, directory: str) -> dict[str, list[Run]]:
        """Returns the runs of each entry, in folders of their own.

        Raises:
            UserError: if a fold does not exist or is named twice.
        """
        return {entry.name: self._plan(entry, directory) for entry in self.entries}

    def _plan(self, entry: Entry, directory: str) -> list[Run]:
        once = bool(entry.weights) and "{seed}" not in entry.weights
        planned = runs.plan(
            entry.config,
            folds=self.folds or None,
            seeds=self.seeds[:1] if once else self.seeds,
            directory=os.path.join(directory, entry.folder),
        )
        return given.of_runs(entry.name, entry.weights, planned) if entry.weights else planned


def read(
    file: str,
    fields: Sequence[str] = (),
    *,
    only: Sequence[str] = (),
    folds: Sequence[int] = (),
    seeds: Sequence[int] = (),
) -> Comparison:
    """Returns the comparison that a file's `get_comparison()` describes.

    Args:
        file: such as configs/compare_synthetic.py.
        fields: "train.epochs=2" and the like, set in every entry.
        only: names of the entries that are wanted; empty for all.
        folds: instead of those of the file.
        seeds: likewise.

    Raises:
        UserError: if the file or one of its configs cannot be loaded, or has no such field.
    """
    module = _load(file)
    if not hasattr(module, "get_comparison"):
        raise UserError(f"{file} has no get_comparison(); it is no list of experiments")
    described = module.get_comparison()
    unknown = [name for name in only if name not in described["entries"]]
    if unknown:
        known = list_in_line(list(described["entries"]))
        raise UserError(f"--only={','.join(unknown)} is no entry of {file}; it has {known}")
    typed, rows = _parsed(fields), published.TABLES.get(described["table"], ())
    entries = [
        _entry(name, config, {**described["shared"], **own, **typed}, rows, *weights)
        for name, (config, own, *weights) in described["entries"].items()
        if not only or name in only
    ]
    return Comparison(
        title=described["title"],
        table=described["table"],
        note=described["note"],
        folds=tuple(folds or described["folds"]),
        seeds=tuple(seeds or described["seeds"]),
        entries=tuple(entries),
    )


def with_steps(comparison: Comparison, steps: int) -> Comparison:
    """Returns it with as many whole epochs for each entry as `steps` training steps need."""
    entries = []
    for entry in comparison.entries:
        if entry.weights:
            entries.append(entry)
            continue
        config = entry.config.copy_and_resolve_references()
        if config.data.num_folds:
            config.fold = (comparison.folds or (1,))[0]
        per_epoch = len(open_sources(config).train) // config.train.batch_size
        epochs = math.ceil(steps / max(per_epoch, 1))
        rows = (entry.published,) if entry.published else ()
        fields = {**entry.fields, "train.epochs": epochs}
        entries.append(_entry(entry.name, entry.file, fields, rows))
    return dataclasses.replace(comparison, entries=tuple(entries))


def in_order(comparison: Comparison, directory: str) -> tuple[list[Run], list[list[str]]]:
    """Returns all runs and their commands: every entry of one seed before the next seed."""
    plan = comparison.plan(directory)
    pairs = [
        (dataclasses.replace(run, title=f"{entry.name}, {run.name}"),
         runs.command(entry.file, entry.fields, run))
        for seed in comparison.seeds
        for entry in comparison.entries
        for run in plan[entry.name]
        if run.seed == seed
    ]  # fmt: skip
    return [run for run, _ in pairs], [command for _, command in pairs]


def _entry(
    name: str,
    file: str,
    fields: Mapping[str, Any],
    rows: Sequence[PublishedRow],
    weights: str = "",
) -> Entry:
    path = config_file.find(file)
    path, colon, argument = path.partition(":")
    module = _load(path)
    config = module.get_config(argument) if colon else module.get_config()
    config.lock()
    for field, value in fields.items():
        try:
            config.update_from_flattened_dict({field: value})
        except (KeyError, TypeError) as error:
            said = str(error).strip("'\"").splitlines()[0]
            raise UserError(f"{name}: {field}={value!r} does not fit {file} ({said})") from error
    found = published.match(config.to_dict(), rows)
    return Entry(name, f"{path}{colon}{argument}", dict(fields), config, found, weights)


def _load(file: str) -> Any:
    path = config_file.find(file)
    if not os.path.isfile(path):
        raise UserError(f"there is no file {file}; name one such as configs/compare_synthetic.py")
    spec = importlib.util.spec_from_file_location("compared", path)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever a file of the user's raises
        said = (str(error).splitlines() or [""])[0]
        raise UserError(f"{file} cannot be loaded ({type(error).__name__}: {said})") from error
    return module


def _parsed(fields: Iterable[str]) -> dict[str, Any]:
    found = {}
    for field in fields:
        name, equals, value = field.partition("=")
        if not equals:
            raise UserError(f"{field!r} is no field=value, such as train.epochs=2")
        try:
            found[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            found[name] = value
    return found
