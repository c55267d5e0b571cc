"""Turns the VGGFace2 weights of ResNet-50 into a work directory whose backbone models start from.

    dfer import resnet50_ft IN OUT

IN is the `resnet50_ft_dag` or `senet50_ft_dag` file (the MatConvNet import; pictures RGB in
0..255): a `.pth` (PyTorch is not needed; nothing in it is run), `.safetensors` or `.npz` file;
OUT is a new directory. Every name must be accounted for: a loader that skips what it does not know
starts training from random weights without a word, as the released ABAW 2021 code does.
"""

import os
import re
from collections.abc import Mapping

import jax
import numpy as np
from jaxtyping import PyTree

from dfer_jax.errors import UserError
from dfer_jax.interop.state_dict import read_state_dict
from dfer_jax.interop.tensors import Tensor, in_pytorch_layout, load, pointwise, without_prefix
from dfer_jax.models.resnet50 import BACKBONE, ResNet50
from dfer_jax.runs import checkpoint
from dfer_jax.runs.workdir_lock import takes_import

_IN_BLOCK = {
    "conv1": "1x1_reduce",
    "bn1": "1x1_reduce_bn",
    "conv2": "3x3",
    "bn2": "3x3_bn",
    "conv3": "1x1_increase",
    "bn3": "1x1_increase_bn",
    "shortcut_conv": "1x1_proj",
    "shortcut_bn": "1x1_proj_bn",
    "se_down": "1x1_down",
    "se_up": "1x1_up",
}
_STEM = {"conv1": "conv1_7x7_s2", "bn1": "conv1_7x7_s2_bn"}
_LEAF = {
    "kernel": "weight",
    "scale": "weight",
    "bias": "bias",
    "mean": "running_mean",
    "var": "running_var",
}
_CLASSIFIER = ("classifier.weight", "classifier.bias")
_SE_NAME = re.compile(r"conv\d_\d_1x1_down\.weight")
_IMAGE_SIZE = 224


def from_state_dict(
    state_dict: Mapping[str, np.ndarray], *, model: ResNet50, classifier: bool = False
) -> dict[str, PyTree]:
    """Returns the backbone's variables for a state dict of the VGGFace2 release.

    BatchNorm's counters are ignored; a prefix on all names, `module.` (DataParallel) or
    `module.cnn.` (a backbone inside the released ABAW 2021 code), is taken off.

    Args:
        state_dict: reference name -> floating array, in PyTorch's layout.
        model: the network the weights are for.
        classifier: whether the classifier is read too, and must have `model.num_classes` rows;
            otherwise it may be there or not, and is left out.

    Returns:
        {"params": {"backbone": ...}, "batch_stats": {"backbone": ...}}, float32 NumPy arrays, and
        `params/classifier` if asked for; see `models.resnet50.with_backbone`.

    Raises:
        UserError: if a name is missing or unexpected, or a tensor has another shape, another kind
            of number, or values that are not finite; all of them are listed.
    """
    state_dict = without_prefix(state_dict, "module.cnn.", "module.")
    unused = [name for name in state_dict if name.endswith(".num_batches_tracked")]
    wanted = _wanted(model)
    if not classifier:
        del wanted["params"]["classifier"]
        unused += _CLASSIFIER
    return load(wanted, state_dict, unused=unused, what="this ResNet-50 of VGGFace2")


def convert(source: str, workdir: str) -> None:
    """Writes the weights in the file `source` as a new work directory, and prints what was read.

    The classifier of identities is kept, so that nothing in the file is left out.

    Raises:
        UserError: if the file cannot be read, does not hold the network, or `workdir` is in use.
    """
    if not takes_import(workdir):
        raise UserError(f"{workdir} exists and is not empty; choose a new directory")
    state_dict = without_prefix(read_state_dict(source), "module.cnn.", "module.")
    if absent := [name for name in _CLASSIFIER if name not in state_dict]:
        raise UserError(f"{source} has no {absent[0]}; use the file of the VGGFace2 release")
    kwargs = {
        "num_classes": len(state_dict[_CLASSIFIER[1]]),
        "squeeze_excite": any(_SE_NAME.fullmatch(name) for name in state_dict),
        "normalisation": "vggface2_rgb",
    }
    variables = from_state_dict(state_dict, model=ResNet50(**kwargs), classifier=True)
    metadata = checkpoint.make_metadata(
        model_name="resnet50",
        model_kwargs=kwargs,
        classes=[f"identity {i}" for i in range(kwargs["num_classes"])],
        preprocess={"image_size": _IMAGE_SIZE, "value_range": [0, 1], "color": "RGB"},
        dataset="VGGFace2",
        source=os.path.basename(source),
    )
    checkpoint.save_weights(workdir, variables, metadata)
    values = {k: sum(x.size for x in jax.tree.leaves(v)) for k, v in variables.items()}
    print(
        f"loaded {len(jax.tree.leaves(variables))} tensors: {values['params']:,} parameters, "
        f"{values['batch_stats']:,} running statistics; {kwargs['num_classes']:,} identities\n"
        f"missing 0, unexpected 0\nwrote {workdir}"
    )


def _wanted(model: ResNet50) -> dict[str, PyTree]:
    """Returns our variable tree with a `Tensor` at each leaf."""
    frames = jax.ShapeDtypeStruct((1, 1, 32, 32, 3), np.float32)
    shapes = jax.eval_shape(
        lambda key, frames: model.init(key, frames, train=False), jax.random.key(0), frames
    )

    def describe(path: tuple[jax.tree_util.DictKey, ...], x: jax.ShapeDtypeStruct) -> Tensor:
        keys = [entry.key for entry in path if entry.key != BACKBONE]
        return _tensor(keys[1:], x.shape)  # without the collection

    return jax.tree_util.tree_map_with_path(describe, dict(shapes))


def _tensor(keys: list[str], shape: tuple[int, ...]) -> Tensor:
    """Returns the release's tensor for one of ours: ["stage3_block1", "conv2", "kernel"]."""
    *place, leaf = keys
    layer = place[-1]
    if len(place) == 1:
        name = _STEM.get(layer, layer)
    else:
        stage, block = re.fullmatch(r"stage(\d)_block(\d+)", place[0]).groups()
        name = f"conv{stage}_{block}_{_IN_BLOCK[layer]}"
    name = f"{name}.{_LEAF[leaf]}"
    if leaf == "kernel" and layer in ("classifier", "se_down", "se_up"):
        return pointwise(name, shape)
    return in_pytorch_layout(name, leaf, shape)
