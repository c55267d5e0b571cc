"""The weights of another run as the start of this one: of other classes, or of its backbone."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import jax
from jaxtyping import PyTree

from dfer_jax.errors import UserError, list_in_line, list_some
from dfer_jax.runs.checkpoint import load_last_weights
from dfer_jax.runs.checkpoint_metadata import warn_of_other_crops
from dfer_jax.runs.train_state import TrainState
from dfer_jax.runtime import processes


def with_weights(
    state: TrainState,
    workdir: str,
    *,
    classes: Sequence[str],
    crop: Mapping[str, Any] | None,
    of_head: Callable[[], Collection[str]],
    places_of: Callable[[str], Mapping[str, str] | None],
) -> TrainState:
    """Returns the state with parameters and statistics of a work directory's last checkpoint.

    Where that one tells other classes apart, or in another order, the head stays as it is; where it
    is of the network that this one is built around, all but that does. A line says so.

    Args:
        state: fresh.
        workdir: of the other run.
        classes: what the logits here mean, in their order.
        crop: how the faces here were cut out, as stored; None if unknown. A line says so if those
            of the other run were cut otherwise.
        of_head: returns the paths of the variables that depend on the classes.
        places_of: returns by the name of the other network where this one holds that one's parts;
            None if it is not built around it.

    Raises:
        UserError: if there is no checkpoint, or its weights are not of this model's shapes.
    """
    weights, metadata = load_last_weights(workdir)
    warn_of_other_crops(metadata, crop, dataset="this run")
    if (places := places_of(metadata["model"]["name"])) is not None:
        weights, new = _with_parts(state.variables, weights, places)
        processes.say(
            f"the weights in {workdir} are those of {metadata['model']['name']}: they are the "
            f"backbone of this network; {list_in_line(new)} are new"
        )
    elif tuple(metadata["classes"]) != tuple(classes):
        weights = _with_leaves_of(state.variables, weights, of_head())
        theirs = list_in_line(metadata["classes"])
        processes.say(
            f"the weights in {workdir} tell other classes apart ({theirs}): the backbone is taken, "
            f"the head for {list_in_line(classes)} is new"
        )
    shapes = [
        {jax.tree_util.keystr(path): leaf.shape for path, leaf in jax.tree.leaves_with_path(tree)}
        for tree in (state.variables, weights)
    ]
    if shapes[0] != shapes[1]:
        differing = [
            f"{name}: {shapes[1].get(name, 'absent')}, here {shapes[0].get(name, 'absent')}"
            for name in sorted(shapes[0].keys() | shapes[1].keys())
            if shapes[0].get(name) != shapes[1].get(name)
        ]
        raise UserError(
            f"the weights in {workdir} ({metadata['model']['name']}) do not fit this model; set "
            f"its fields as there, or leave train.init_from out:\n{list_some(differing)}"
        )
    return state.replace(params=weights["params"], batch_stats=weights["batch_stats"])


def _with_leaves_of(own: PyTree, other: PyTree, names: Collection[str]) -> PyTree:
    """Returns the tree `other` with the leaves of `own` at these paths."""
    new = {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree.leaves_with_path(own)}
    return jax.tree_util.tree_map_with_path(
        lambda path, leaf: new[name] if (name := jax.tree_util.keystr(path)) in names else leaf,
        other,
    )


def _with_parts(
    own: Mapping[str, PyTree], other: Mapping[str, PyTree], places: Mapping[str, str]
) -> tuple[dict[str, PyTree], list[str]]:
    """Returns `own` with the named parts of `other` in their places, and what is left of `own`."""
    parts = {
        kind: {
            f"{places[part]}{name.removeprefix(part)}": leaves
            for name, leaves in tree.items()
            if (part := name.partition(".")[0]) in places
        }
        for kind, tree in other.items()
    }
    joined = {kind: {**tree, **parts[kind]} for kind, tree in own.items()}
    left = own["params"].keys() - parts["params"].keys()
    return joined, sorted(left)
