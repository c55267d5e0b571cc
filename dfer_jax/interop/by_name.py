"""Turns weights of the networks compared with GCA+IAL into work directories.

    dfer import r3d_18 IN OUT
    dfer import emo_affectnet STATIC LSTM OUT    # published in two files
    dfer eval configs/conv3d/r3d_18.py fold=1 --workdir OUT

IN is a checkpoint of the published implementation, of whoever trained it; OUT is a new directory.
Our parameters have the published names, so there is no table of them: every name of the network
must be in IN, and every name in IN must be of the network.
"""

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import PyTree

from dfer_jax.errors import UserError, list_some
from dfer_jax.interop import dfer_clip, masked_autoencoder
from dfer_jax.interop.releases import RELEASES, TrainedOn
from dfer_jax.interop.state_dict import read_state_dict
from dfer_jax.interop.tensors import Tensor, by_published_names, load, without_prefix
from dfer_jax.labels import CLASSES
from dfer_jax.models import MODELS, create_model
from dfer_jax.models.clip_network import ClipNetwork
from dfer_jax.models.vit.dfer_clip import DFERCLIP
from dfer_jax.models.vit.video_vit import VideoViT
from dfer_jax.runs import checkpoint
from dfer_jax.runs.workdir_lock import takes_import
from dfer_jax.runtime.file_facts import sha256

NAMES = tuple(name for name, kind in MODELS.items() if issubclass(kind, ClipNetwork))
"""Networks whose weights can be read by their names."""

_COUNTER = ".num_batches_tracked"
_NOT_ARGUMENTS = ("dtype", "axis_name", "parent", "name")


def from_state_dict(
    state_dict: Mapping[str, np.ndarray], *, model: ClipNetwork
) -> dict[str, PyTree]:
    """Returns the variables of a network for a state dict of its published implementation.

    BatchNorm's counters and what the implementation stores but never uses are ignored; a `module.`
    prefix on all names (DataParallel) is taken off.

    Args:
        state_dict: published name -> floating array, in PyTorch's layout.
        model: the network the weights are for.

    Returns:
        {"params": ..., "batch_stats": ...}, float32 NumPy arrays.

    Raises:
        UserError: if a name is missing or unexpected, or a tensor has another shape, another kind
            of number, or values that are not finite; all of them are listed.
    """
    state_dict = without_prefix(state_dict, "module.")
    unused = unused_names(state_dict, model=model)
    what = f"this {type(model).__name__} network{_in_parts(type(model))}"
    return load(wanted(model), state_dict, unused=unused, what=what)


def unused_names(state_dict: Mapping[str, np.ndarray], *, model: ClipNetwork) -> list[str]:
    """Returns the names (without `module.`) of what is stored but never computed with."""
    names = without_prefix(state_dict, "module.")
    return [name for name in names if name.endswith(_COUNTER) or model.is_unused(name)]


def convert(
    name: str, source: str, workdir: str, *, others: Sequence[str] = (), dataset: str = ""
) -> None:
    """Writes the weights in the file `source` as a new work directory, and prints what was read.

    Of a masked autoencoder's pre-training the encoder is read; its classifier is still to be
    trained. Of DFER-CLIP's text tower the vectors of the classes are kept.

    Args:
        name: of the network.
        source: file of the weights.
        workdir: new or empty.
        others: further files of a network that is published in parts, in the order of its `files`.
        dataset: that they were trained on, such as "ferv39k", where the classes do not tell it.

    Raises:
        UserError: if a file cannot be read, they do not hold the network `name`, or `workdir` is in
            use.
    """
    if not takes_import(workdir):
        raise UserError(f"{workdir} exists and is not empty; choose a new directory")
    sources = (source, *others)
    state_dict, left_out = _read(name, sources), []
    if issubclass(MODELS[name], VideoViT):
        state_dict, left_out = masked_autoencoder.as_classifier(state_dict)
    if issubclass(MODELS[name], DFERCLIP):
        state_dict, left_out = dfer_clip.as_classifier(state_dict)
    classifier = MODELS[name].classifier
    of_classes = state_dict.get(f"{classifier}.bias", state_dict.get(classifier))
    if of_classes is None:
        raise UserError(
            f"{source} has no {classifier}.bias; it does not hold {name}: use a checkpoint of that "
            f"network, its classifier included{_in_parts(MODELS[name])}"
        )
    model = _create(name, num_classes=of_classes.shape[0] if of_classes.ndim else 0)
    variables = from_state_dict(state_dict, model=model)
    trained_on = _trained_on(name, model, dataset)
    unused = unused_names(state_dict, model=model) + left_out
    del state_dict, of_classes  # no second copy while they are written
    checkpoint.save_weights(workdir, variables, _metadata(name, model, sources, trained_on))
    values = {k: sum(x.size for x in jax.tree.leaves(v)) for k, v in variables.items()}
    print(
        f"loaded {len(jax.tree.leaves(variables))} tensors: {values['params']:,} parameters, "
        f"{values['batch_stats']:,} running statistics; {model.num_classes} classes\n"
        f"skipped {len(unused)} tensors that are never used:\n{list_some(unused)}\n"
        f"{''.join(_known(name, model, trained_on, dataset))}wrote {workdir}"
    )


def _in_parts(kind: type[ClipNetwork]) -> str:
    return f", all its {len(kind.files)} files" if len(kind.files) > 1 else ""


def _read(name: str, sources: Sequence[str]) -> Mapping[str, np.ndarray]:
    """Returns the tensors of all files of a network.

    Raises:
        UserError: if there are too many or too few, one cannot be read, or two hold the same.
    """
    prefixes = MODELS[name].files
    if len(sources) not in (1, len(prefixes)):
        raise UserError(
            f"{name} is published as {len(prefixes)} file(s), but {len(sources)} were given; name "
            "each once, in the order of the documentation"
        )
    found: dict[str, np.ndarray] = {}
    for source, prefix in zip(sources, prefixes, strict=False):
        read = without_prefix(read_state_dict(source), "module.")
        named = {f"{prefix}{key}": value for key, value in read.items()}
        if twice := sorted(named.keys() & found.keys()):
            raise UserError(f"{source} holds {twice[0]}, as a file before it does; give each once")
        found |= named
    if len(sources) < len(prefixes):
        _check_is_whole(name, sources[0], found)
    return found


def _check_is_whole(name: str, source: str, state_dict: Mapping[str, np.ndarray]) -> None:
    """Checks that a network of several files is not given by one of them.

    Raises:
        UserError: if it is.
    """
    expected = {x.name for x in jax.tree.leaves(wanted(create_model(name)), is_leaf=_is_tensor)}
    known = {prefix + key for prefix in MODELS[name].files for key in state_dict} & expected
    if known and not expected <= state_dict.keys():
        count = len(MODELS[name].files)
        raise UserError(
            f"{source} holds {len(known)} of the {len(expected)} tensors of {name}, which is "
            f"published as {count} files; give all {count}, in the order of the documentation"
        )


def _is_tensor(leaf: object) -> bool:
    return isinstance(leaf, Tensor)


def _create(name: str, *, num_classes: int) -> ClipNetwork:
    """Returns the network, which takes clips as the weights of that many classes expect them."""
    normalisation = MODELS[name].pretrained.get(num_classes, MODELS[name].normalisation)
    return create_model(name, num_classes=num_classes, normalisation=normalisation)


def _trained_on(name: str, model: ClipNetwork, dataset: str) -> TrainedOn | None:
    if name in RELEASES:
        return RELEASES[name].trained_on(model.num_classes, dataset)
    if dataset:
        known = ", ".join(RELEASES)
        raise UserError(f"--dataset={dataset} is for networks of which that is known: {known}")
    return None


def _metadata(
    name: str, model: ClipNetwork, sources: Sequence[str], trained_on: TrainedOn | None
) -> dict[str, Any]:
    fields = [f.name for f in dataclasses.fields(model) if f.name not in _NOT_ARGUMENTS]
    of_faces = model.num_classes == len(CLASSES)
    usual = trained_on or (RELEASES[name].weights[0] if name in RELEASES else None)
    classes = CLASSES if of_faces else [f"class {i}" for i in range(model.num_classes)]
    return checkpoint.make_metadata(
        model_name=name,
        model_kwargs={field: getattr(model, field) for field in fields},
        classes=trained_on.classes if trained_on else classes,
        preprocess={
            "segments": model.num_frames,
            "frames_per_segment": 1,
            "sampling": "uniform",
            "decode_size": model.image_size,
            "image_size": model.image_size,
            "value_range": [0, 1],
            "color": "RGB",
            **(usual.preprocess if usual else {}),
        },
        dataset=trained_on.dataset if trained_on else "DFEW" if of_faces else "another data set",
        source=" + ".join(map(os.path.basename, sources)),
    ) | {
        "source_sha256": " + ".join(map(sha256, sources)),
        **({"release": RELEASES[name].about(trained_on)} if trained_on else {}),
    }


def _known(
    name: str, model: ClipNetwork, trained_on: TrainedOn | None, dataset: str
) -> Iterator[str]:
    """Yields lines, with their ends, on what the authors say of such weights, or is assumed."""
    if trained_on is None:
        if model.num_classes == len(CLASSES):
            yield f"taken to tell, in the order of DFEW's labels: {', '.join(CLASSES)}\n"
        return
    alike = [w for w in RELEASES[name].weights if len(w.classes) == len(trained_on.classes)]
    yield (
        f"trained on {trained_on.dataset}\n"
        if dataset or len(alike) == 1
        else f"taken to be trained on {trained_on.dataset}; if they are not, say --dataset=\n"
    )
    if trained_on.scores:
        shown = [
            f"{what} "
            + ", ".join(
                f"{kind} {value:.2f}"
                for kind, value in (("UAR", uar), ("WAR", war))
                if value is not None
            )
            for what, uar, war in trained_on.scores
        ]
        yield f"published: {'; '.join(shown)} ({trained_on.protocol})\n"
    terms = RELEASES[name].about(trained_on)["terms"]
    yield f"terms of the data: {'; '.join(terms)}\n"


def wanted(model: ClipNetwork) -> PyTree:
    """Returns our variable tree with a `Tensor` at each leaf."""
    clips = (1, model.num_frames, model.image_size, model.image_size, 3)
    shapes = jax.eval_shape(
        lambda key: model.init(key, jax.numpy.zeros(clips), train=False), jax.random.key(0)
    )
    return {"batch_stats": {}} | by_published_names(dict(shapes))
