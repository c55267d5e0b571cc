"""How the tensors of RDFER's statement in PyTorch are named and laid out in our tree."""

import re

import jax
import numpy as np

LEAVES = {
    "kernel": "weight",
    "scale": "weight",
    "bias": "bias",
    "mean": "running_mean",
    "var": "running_var",
    "input_kernel": "weight_ih",
    "input_bias": "bias_ih",
    "hidden_kernel": "weight_hh",
    "hidden_bias": "bias_hh",
}


def reference_names(path):
    """PyTorch's name of one of our leaves; two, one a direction, for an LSTM's."""
    *modules, leaf = (entry.key for entry in path)
    name = ".".join([*modules, LEAVES[leaf]])
    name = re.sub(r"(layer\d)_block(\d)", r"\1.\2", name)
    name = name.replace("shortcut_conv", "downsample.0").replace("shortcut_bn", "downsample.1")
    if "_" not in leaf:
        return [name]
    name = re.sub(r"lstm(\d)\.(\w+)$", r"lstm.\2_l\1", name)
    return [name, f"{name}_reverse"]


def to_ours(x):
    """Our layout of PyTorch's tensor."""
    return x.transpose((2, 3, 1, 0) if x.ndim == 4 else range(x.ndim)[::-1])


def make_variables(shapes, tensor):
    """Variables of these shapes; tensor(name, shape) gives PyTorch's of a name."""

    def make(path, leaf):
        names = reference_names(path[1:])
        shape = leaf.shape[1:] if len(names) == 2 else leaf.shape
        reference = (shape[3], shape[2], *shape[:2]) if len(shape) == 4 else shape[::-1]
        arrays = [to_ours(tensor(name, reference)) for name in names]
        return np.stack(arrays) if len(names) == 2 else arrays[0]

    return jax.tree_util.tree_map_with_path(make, shapes)
