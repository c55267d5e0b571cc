"""Turns a checkpoint of the released GCA+IAL code into a work directory that evaluates here.

    dfer import gca_ial IN OUT
    dfer eval configs/dfew.py fold=1 --workdir OUT

IN is a `.pth`, `.pt` or `.tar` file (PyTorch is not needed; nothing in it is run), or a
`.safetensors` or `.npz` file; OUT is a new directory. Names and shapes follow
github.com/muse1998/IAL-for-Facial-Expression-Recognition at commit 39a24b6.
"""

import os
import re
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jaxtyping import PyTree

from dfer_jax.errors import UserError, list_some
from dfer_jax.interop.state_dict import read_state_dict
from dfer_jax.interop.tensors import Tensor, in_pytorch_layout, load, pointwise, without_prefix
from dfer_jax.labels import CLASSES
from dfer_jax.models.gca_ial import GCAIAL
from dfer_jax.runs import checkpoint
from dfer_jax.runs.workdir_lock import takes_import

# The release's parameters that no output depends on, and BatchNorm's step counters.
_UNUSED = re.compile(
    r"s_former\.(bias|layer[123]\.0\.(bias[12]|glb\.weight)"
    r"|layer1\.0\.(AUX_fc\.[01]|gc\.0|fc[12]\.0)\.weight)"
    r"|.+\.num_batches_tracked"
)
_TOP = {
    "stem_conv1": "s_former.conv1.0",
    "stem_bn1": "s_former.conv1.1",
    "stem_conv2": "s_former.conv1.3",
    "stem_bn2": "s_former.bn1",
    "layer1": "s_former.layer1.0",
    "layer2": "s_former.layer2.0",
    "layer3": "s_former.layer3.0",
    "aux_layer2_fc1": "s_former.layer2.0.AUX_fc.0",
    "aux_layer2_fc2": "s_former.layer2.0.AUX_fc.1",
    "aux_layer3_fc1": "s_former.layer3.0.AUX_fc.0",
    "aux_layer3_fc2": "s_former.layer3.0.AUX_fc.1",
    "dynamic0": "s_former.layer4.0",
    "dynamic1": "s_former.layer4.1",
    "dynamic2": "s_former.layer4.2",
    "static_conv": "s_former.patch_embedding.0",
    "static_bn": "s_former.patch_embedding.1",
    "static_positions": "s_former.pos_embedding_pos",
    "static0": "s_former.pos_transformer.layers.0",
    "static1": "s_former.pos_transformer.layers.1",
    "temporal_positions": "s_former.pos_embedding",
    "temporal0": "s_former.temporal_transformer.layers.0",
    "temporal1": "s_former.temporal_transformer.layers.1",
    "classifier": "fc_f",
}
_INNER = {
    "conv1": "conv1",
    "bn1": "bn1",
    "conv2": "conv2",
    "bn2": "bn2",
    "shortcut_conv": "downsample.0",
    "shortcut_bn": "downsample.1",
    "gate/kernel": "gc.0.weight",
    "gate/fc1": "fc1.0",
    "gate/fc2": "fc2.0",
    "norm1": "0.fn.norm",
    "qkv": "0.fn.fn.to_qkv",
    "attention_out": "0.fn.fn.to_out.0",
    "norm2": "1.fn.norm",
    "mlp_in": "1.fn.fn.net.0",
    "mlp_out": "1.fn.fn.net.3",
}
_LEAF = {
    "kernel": "weight",
    "scale": "weight",
    "bias": "bias",
    "mean": "running_mean",
    "var": "running_var",
}


def from_state_dict(
    state_dict: Mapping[str, np.ndarray], *, model: GCAIAL | None = None
) -> dict[str, PyTree]:
    """Returns the variables of our model for a state dict of the released code.

    Every name must be accounted for. Parameters the release never uses and BatchNorm's counters are
    ignored (`unused_names`); a `module.` prefix on all names (DataParallel) is taken off.

    Args:
        state_dict: reference name -> floating array, in PyTorch's layout.
        model: the network the weights are for; the released one by default.

    Returns:
        {"params": ..., "batch_stats": ...}, float32 NumPy arrays.

    Raises:
        UserError: if a name is missing or unexpected, or a tensor has another shape, another kind
            of number, or values that are not finite; all of them are listed.
    """
    state_dict = _without_prefix(state_dict)
    wanted = _wanted(model or GCAIAL())
    unused = unused_names(state_dict)
    return load(wanted, state_dict, unused=unused, what="the released GCA+IAL network")


def unused_names(state_dict: Mapping[str, np.ndarray]) -> list[str]:
    """Returns the names (without `module.`) that the release stores but never computes with."""
    return [name for name in _without_prefix(state_dict) if _UNUSED.fullmatch(name)]


def convert(source: str, workdir: str) -> None:
    """Writes the weights in the file `source` as a new work directory, and prints what was read.

    Raises:
        UserError: if the file cannot be read, does not hold the released network, or `workdir` is
            in use.
    """
    if not takes_import(workdir):
        raise UserError(f"{workdir} exists and is not empty; choose a new directory")
    state_dict = read_state_dict(source)
    model = GCAIAL()
    variables = from_state_dict(state_dict, model=model)
    checkpoint.save_weights(workdir, variables, _metadata(model, source))
    unused = unused_names(state_dict)
    values = {k: sum(x.size for x in jax.tree.leaves(v)) for k, v in variables.items()}
    print(
        f"loaded {len(jax.tree.leaves(variables))} tensors: {values['params']:,} parameters, "
        f"{values['batch_stats']:,} running statistics\n"
        f"skipped {len(unused)} tensors the released network never uses:\n"
        f"{list_some(unused, most=len(unused))}\nwrote {workdir}"
    )


def _metadata(model: GCAIAL, source: str) -> dict[str, Any]:
    fields = ("num_classes", "num_frames", "image_size", "width", "attention", "reduction")
    kwargs = {field: getattr(model, field) for field in (*fields, "temporal_factor")}
    return checkpoint.make_metadata(
        model_name="gca_ial",
        model_kwargs={**kwargs, "aux_stages": list(model.aux_stages)},
        classes=CLASSES,
        preprocess={
            "segments": model.num_frames,
            "frames_per_segment": 1,
            "sampling": "uniform",
            "decode_size": model.image_size,  # the release resizes straight to the network's size
            "image_size": model.image_size,
            "value_range": [0, 1],
            "color": "RGB",
        },
        dataset="DFEW",
        source=os.path.basename(source),
    )


def _without_prefix(state_dict: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    return without_prefix(state_dict, "module.")  # DataParallel


def _wanted(model: GCAIAL) -> PyTree:
    """Returns our variable tree with a `Tensor` at each leaf."""
    clips = (1, model.num_frames, model.image_size, model.image_size, 3)
    shapes = jax.eval_shape(
        lambda key: model.init(key, jax.numpy.zeros(clips), train=False), jax.random.key(0)
    )

    def describe(path: tuple[jax.tree_util.DictKey, ...], x: jax.ShapeDtypeStruct) -> Tensor:
        keys = [entry.key for entry in path[1:]]  # without the collection
        return _tensor("/".join(keys), x.shape)

    return jax.tree_util.tree_map_with_path(describe, dict(shapes))


def _tensor(path: str, shape: tuple[int, ...]) -> Tensor:
    """Returns the release's tensor for one of ours: a path like `layer2/gate/fc1/kernel`."""
    name = _reference_name(path)
    if "/gate/fc" in path:
        return pointwise(name, shape)
    if path.endswith("gate/kernel"):  # depth-wise: (c, 1, h, w) there, (h, w, c) here
        h, w, c = shape
        return Tensor(name, (c, 1, h, w), lambda x: x[:, 0].transpose(1, 2, 0))
    return in_pytorch_layout(name, path.rpartition("/")[2], shape)


def _reference_name(path: str) -> str:
    top, _, rest = path.partition("/")
    if not rest:
        return _TOP[top]
    inner, _, leaf = rest.rpartition("/")
    if rest in _INNER:
        return f"{_TOP[top]}.{_INNER[rest]}"
    return ".".join([_TOP[top], *([_INNER[inner]] if inner else []), _LEAF[leaf]])
