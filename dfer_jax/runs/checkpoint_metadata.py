"""What a restored checkpoint says of itself, and what follows for the evaluation of it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import ml_collections
from absl import logging

from dfer_jax.errors import UserError, list_some
from dfer_jax.results.overlaps import seen_before
from dfer_jax.runs.workdir import differing_fields
from dfer_jax.video.faces import CropSettings

_SIXTEEN = "f16"


def check_same_model(metadata: Mapping[str, Any], *, name: str, kwargs: Mapping[str, Any]) -> None:
    """Refuses a checkpoint of another model than the config's.

    Args:
        metadata: of the checkpoint.
        name: of the model.
        kwargs: its arguments, as plain values.

    Raises:
        UserError: with the fields that differ.
    """
    asked = {"name": name, "kwargs": kwargs}
    if fields := differing_fields(metadata["model"], asked):
        raise UserError(
            "the checkpoint is of another model than the config; use its config, or set these "
            f"fields back (checkpoint -> config):\n{list_some(fields)}"
        )


def check_same_classes(metadata: Mapping[str, Any], classes: Sequence[str]) -> None:
    """Refuses a checkpoint of other classes, or of these in another order.

    Args:
        metadata: of the checkpoint.
        classes: what its logits must mean.

    Raises:
        UserError: with both lists.
    """
    if tuple(metadata["classes"]) != tuple(classes):
        found = ", ".join(metadata["classes"])
        raise UserError(f"the checkpoint has classes {found}; expected {', '.join(classes)}")


def as_trained(
    config: ml_collections.ConfigDict,
    preprocess: Mapping[str, Any],
    *,
    fields: Sequence[str],
    overrides: Collection[str],
) -> ml_collections.ConfigDict:
    """Returns the config with the checkpoint's sampling and sizes, but for what a user overrides.

    Args:
        config: of the experiment.
        preprocess: of the checkpoint.
        fields: of `data`, those that follow the checkpoint.
        overrides: fields such as "data.decode_size" that hold although the checkpoint says
            otherwise; there is a warning then.
    """
    config = config.copy_and_resolve_references()
    for field in fields:
        if f"data.{field}" not in overrides:
            config.data[field] = preprocess[field]
        elif config.data[field] != preprocess[field]:
            used, trained = config.data[field], preprocess[field]
            logging.warning(
                "data.%s=%s, but the weights were trained with %s", field, used, trained
            )
    return config


def warn_of_other_crops(
    metadata: Mapping[str, Any], crop: Mapping[str, Any] | None, *, dataset: str
) -> None:
    """Warns when faces were cut out otherwise than those the weights were trained on.

    Args:
        metadata: of the checkpoint.
        crop: settings of the data that the weights now meet, as stored; None if unknown.
        dataset: its name.

    Raises:
        UserError: if the settings of one are none.
    """
    stored = metadata["preprocess"].get("crop")
    if crop is None or stored is None:
        return
    if differ := CropSettings.from_json(stored).differences(CropSettings.from_json(crop)):
        logging.warning(
            "faces of %s are cut out otherwise than those the weights were trained on (%s); crop "
            "alike, or expect other scores",
            dataset,
            "; ".join(differ),
        )


def warn_of_other_frames(metadata: Mapping[str, Any], dataset: str) -> None:
    """Warns when weights of DFEW's whole clips meet its clips of 16 frames, or the reverse.

    Args:
        metadata: of the checkpoint.
        dataset: TFDS name with its config of the clips that they meet.
    """
    trained, met = (name.lower().partition("/") for name in (metadata["dataset"], dataset))
    if {trained[0], met[0]} == {"dfew"} and (trained[2] == _SIXTEEN) != (met[2] == _SIXTEEN):
        logging.warning(
            "the weights were trained on frames of %s, clips of %s have others; build the former, "
            "or expect other scores",
            metadata["dataset"],
            dataset,
        )


def about(
    metadata: Mapping[str, Any],
    *,
    config: ml_collections.ConfigDict,
    preprocess: Mapping[str, Any],
    name: str,
    selection: str,
    step: int,
) -> dict[str, Any]:
    """Returns what was evaluated, for the JSON file.

    Args:
        metadata: of the checkpoint.
        config: of the evaluation.
        preprocess: what the clips or frames went through.
        name: of the split.
        selection: how the epoch was chosen.
        step: of the checkpoint.
    """
    seen = seen_before(metadata["dataset"], config.data.dataset)
    return {
        "dataset": config.data.dataset,
        "split": name,
        "selection": selection,
        "step": step,
        "epoch": step / metadata.get("steps_per_epoch", 1),
        "model": metadata["model"],
        "preprocess": dict(preprocess),
        "source": metadata["source"],
        "trained_on": metadata["dataset"],
        "versions": metadata["versions"],
        **({"seen_before": seen} if seen else {}),
    }


def last_is(metadata: Mapping[str, Any]) -> str:
    """Returns what the latest checkpoint is: the last epoch of a run, or imported weights."""
    return "last" if metadata["source"] == "trained" else "imported"


def in_words(selection: str) -> str:
    """Returns what a selection means."""
    return {
        "last": "last epoch",
        "imported": "imported weights",
        "best on test": "best epoch on test (the papers' protocol)",
        "best on validation": "best epoch on validation clips",
    }[selection]
