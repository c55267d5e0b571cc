"""A checkpoint and a data set with other classes: they meet by name, on the classes they share."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from dfer_jax.clips.sources import Sources
from dfer_jax.data.cached_source import with_classes
from dfer_jax.errors import UserError, list_in_line
from dfer_jax.labels import SharedClasses, shared_classes
from dfer_jax.runtime import processes


@dataclasses.dataclass(frozen=True)
class Meeting:
    """Clips of a data set, labelled as a checkpoint counts its classes.

    Attributes:
        sources: clips of other classes are left out; `train` only where all classes are shared.
        shared: the classes scored, and those that only one side has.
        logits_of: places of the shared classes among the checkpoint's logits; None for all.
        left_out: clips left out by split and class.
    """

    sources: Sources
    shared: SharedClasses
    logits_of: tuple[int, ...] | None
    left_out: dict[str, dict[str, int]]

    def about(self, split: str) -> dict[str, Any]:
        """Returns what an evaluation file says of it: nothing where all classes are shared."""
        if self.shared.are_all:
            return {}
        return {
            "scored_on": "the classes that model and data set share",
            "classes_of_the_model_alone": list(self.shared.only_model),
            "clips_left_out_by_class": self.left_out[split],
        }


def meet(
    sources: Sources, *, model: Sequence[str], dataset: str, on_shared: bool, test: str
) -> Meeting:
    """Returns the clips that a checkpoint's classes can be scored on, and says what is left out.

    Args:
        sources: as the data set labels them.
        model: the checkpoint's classes, in the order of its logits.
        dataset: name, for messages.
        on_shared: score the classes that both have, where there are others (`eval.shared_classes`).
        test: name of the test split.

    Raises:
        UserError: if the classes differ and `on_shared` is not set, or fewer than two are shared.
    """
    shared = shared_classes(model, sources.test.classes)
    if not shared.are_all:
        _check(shared, model=model, dataset=dataset, on_shared=on_shared)
    left_out, relabelled = {}, {}
    for name, split in (("test", test), ("validation", "validation")):
        if (source := getattr(sources, name)) is not None:
            relabelled[name], left_out[split] = with_classes(source, shared)
    if shared.are_all:
        relabelled["train"], _ = with_classes(sources.train, shared)
    else:
        for split, counts in left_out.items():
            processes.say(_in_words(shared, dataset=dataset, split=split, counts=counts))
    places = tuple(tuple(model).index(name) for name in shared.names)
    return Meeting(
        sources=dataclasses.replace(sources, **relabelled),
        shared=shared,
        logits_of=None if shared.are_all else places,
        left_out=left_out,
    )


def _check(shared: SharedClasses, *, model: Sequence[str], dataset: str, on_shared: bool) -> None:
    differ = f"the checkpoint tells {list_in_line(model)} apart, {dataset} " + " and ".join(
        [f"has no {list_in_line(shared.only_model)}"] * bool(shared.only_model)
        + [f"has {list_in_line(shared.only_data)} too"] * bool(shared.only_data)
    )
    if len(shared.names) < 2:
        both = f"only {shared.names[0]}" if shared.names else "no class"
        raise UserError(
            f"{differ}: they share {both}, and scores need two; evaluate on another data set, or "
            "train on this one with train.init_from, which keeps the backbone"
        )
    if not on_shared:
        raise UserError(
            f"{differ}; eval.shared_classes=True scores the {len(shared.names)} classes that both "
            "have and leaves the other clips out"
        )


def _in_words(shared: SharedClasses, *, dataset: str, split: str, counts: dict[str, int]) -> str:
    renamed = [
        f"{theirs} counts as {ours}"
        for ours, theirs in zip(shared.names, shared.of_data, strict=True)
        if ours != theirs
    ]
    clips = [f"{count:,} of {name}" for name, count in counts.items()]
    said = [
        f"{dataset} {split}: scored on the {len(shared.names)} classes that it shares with the "
        f"checkpoint ({list_in_line(shared.names)})",
        f"{sum(counts.values()):,} clips left out ({list_in_line(clips)})" if clips else "",
        f"never chosen: {list_in_line(shared.only_model)}" if shared.only_model else "",
        list_in_line(renamed),
    ]
    return "; ".join(part for part in said if part)
