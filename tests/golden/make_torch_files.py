"""Makes files as PyTorch writes them, of both formats: checkpoints of a training, modules.

    python tests/golden/make_torch_files.py

Needs PyTorch, nothing of this package; the tests need only the files.
"""

import argparse
import pathlib
from collections import OrderedDict, defaultdict

import torch

HERE = pathlib.Path(__file__).parent


class RecorderMeter:
    """Stands for a class of somebody's training script, which nobody else has."""

    def __init__(self) -> None:
        self.curve = torch.ones(2, 2)


def state_dict() -> OrderedDict:
    """Returns tensors of every kind: strided, sharing a storage, empty, without dimensions."""
    base = torch.arange(24, dtype=torch.float32)
    return OrderedDict(
        f32=base.reshape(4, 6),
        shared=base[2:8],
        transposed=base.reshape(4, 6).T,
        f16=torch.tensor([1.5, -2.0], dtype=torch.float16),
        bf16=torch.tensor([1.5, -2.25], dtype=torch.bfloat16),
        f64=torch.tensor([[0.5]], dtype=torch.float64),
        i64=torch.tensor(7),
        i32=torch.tensor([1, -2], dtype=torch.int32),
        u8=torch.tensor([255], dtype=torch.uint8),
        flag=torch.tensor([True, False]),
        parameter=torch.nn.Parameter(torch.tensor([3.0])),
        empty=torch.zeros(0, 3),
    )


def checkpoint(network: torch.nn.Module) -> dict:
    """Returns what a training script keeps, with objects that are no tensors."""
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    return {
        "epoch": 3,
        "args": argparse.Namespace(lr=0.1),
        "recorder": RecorderMeter(),
        "best_acc": torch.tensor(1.0),
        "optimizer": optimizer.state_dict(),
        "groups": defaultdict(list),
        "seen": {1, 2},
        "state_dict": state_dict(),
    }


def main() -> None:
    """Writes the files beside this one."""
    network = torch.nn.Sequential(torch.nn.Linear(2, 1))
    for name, zipped in (("", True), ("_before_1.6", False)):
        path = HERE / f"torch_checkpoint{name}.pth"
        torch.save(checkpoint(network), path, _use_new_zipfile_serialization=zipped)
        names = {"torch": torch, "__name__": "__main__"}
        exec("class Net(torch.nn.Module): pass", names)  # its source is not written along
        globals()["Net"] = names["Net"]
        net = names["Net"]()
        net.weight = torch.nn.Parameter(torch.ones(2))
        path = HERE / f"torch_module{name}.pth"
        torch.save(net, path, _use_new_zipfile_serialization=zipped)
    torch.jit.script(network).save(HERE / "torch_script.pth")


if __name__ == "__main__":
    main()
