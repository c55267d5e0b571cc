"""GCA+IAL stated once more, in PyTorch, as the independent side of the parity tests.

Parameter names and shapes are those of the released checkpoints (including the tensors that nothing
reads), so a state dict of this module is a stand-in for an official one. Written from the paper and
from the layer table; plain rather than fast. Clips are [b, t, 3, h, w] here.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    """A residual block; with a global-convolution gate and an auxiliary head when `gated`."""

    def __init__(self, cin: int, cout: int, stride: int, *, gated: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        if stride != 1 or cin != cout:
            self.downsample = nn.Sequential(
                nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout)
            )
        self.gated = gated

    def add_release_extras(self, size: int, classes: int, reduction: int) -> None:
        """Adds the gate, the head and the unread tensors every block of layers 1-3 carries."""
        c = self.conv1.out_channels
        self.bias1 = nn.Parameter(torch.zeros(1, c, 1, 1))
        self.bias2 = nn.Parameter(torch.zeros(1, c, 1, 1))
        self.AUX_fc = nn.Sequential(
            nn.Linear(c, 2 * c, bias=False), nn.Linear(2 * c, classes, bias=False)
        )
        self.glb = nn.Conv2d(c, c, 1, bias=False)
        self.gc = nn.Sequential(nn.Conv2d(c, c, size, groups=c, bias=False))
        self.fc1 = nn.Sequential(nn.Conv2d(c, c // reduction, 1, bias=False))
        self.fc2 = nn.Sequential(nn.Conv2d(c // reduction, c, 1, bias=False))

    def forward(self, x: torch.Tensor, frames: int) -> tuple[torch.Tensor, dict]:
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        found = {}
        if self.gated:
            z = self.gc(y)  # [b*t, c, 1, 1]
            s = 2 * torch.sigmoid(self.fc2(torch.relu(self.fc1(z))))
            s = s.unflatten(0, (-1, frames))
            gate = (s * s.mean(1, keepdim=True) + 1e-5).sqrt()
            y = gate.flatten(0, 1) * y
            found["gate"] = gate.flatten(2)
            found["aux"] = self.AUX_fc(z.flatten(1).unflatten(0, (-1, frames)).mean(1))
        shortcut = self.downsample(x) if hasattr(self, "downsample") else x
        return torch.relu(shortcut + y), found


class Attention(nn.Module):
    """Multi-head self-attention; the inner width is 4 heads of `head_dim`."""

    def __init__(self, width: int, head_dim: int) -> None:
        super().__init__()
        self.head_dim = head_dim
        self.to_qkv = nn.Linear(width, 3 * 4 * head_dim, bias=False)
        self.to_out = nn.Sequential(nn.Linear(4 * head_dim, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        split = [part.unflatten(-1, (4, self.head_dim)) for part in self.to_qkv(x).chunk(3, -1)]
        q, k, v = (part.transpose(1, 2) for part in split)  # [b, 4, n, e]
        weights = (q @ k.transpose(2, 3) / math.sqrt(self.head_dim)).softmax(-1)
        return self.to_out((weights @ v).transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    """Two linear layers around a tanh GELU; the gaps in the numbering are GELU and dropout."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(width, hidden),
            nn.GELU(approximate="tanh"),
            nn.Identity(),
            nn.Linear(hidden, width),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x)


class PreNorm(nn.Module):
    def __init__(self, width: int, fn: nn.Module) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fn = fn

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fn(self.norm(x))


class Residual(nn.Module):
    def __init__(self, fn: nn.Module) -> None:
        super().__init__()
        self.fn = fn

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.fn(x)


class Transformer(nn.Module):
    """Two pre-norm layers."""

    def __init__(self, width: int, head_dim: int, hidden: int) -> None:
        super().__init__()
        parts = lambda: (Attention(width, head_dim), FeedForward(width, hidden))  # noqa: E731
        self.layers = nn.ModuleList(
            nn.ModuleList(Residual(PreNorm(width, part)) for part in parts()) for _ in range(2)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for attention, mlp in self.layers:
            x = mlp(attention(x))
        return x


class Backbone(nn.Module):
    """Everything up to the mean token."""

    def __init__(self, w: int, size: int, frames: int, classes: int, reduction: int) -> None:
        super().__init__()
        side = math.ceil(size / 32)
        self.bias = nn.Parameter(torch.zeros(1, w, 1, 1))  # unread
        self.pos_embedding_pos = nn.Parameter(torch.zeros(1, side**2, 4 * w))
        self.pos_embedding = nn.Parameter(torch.zeros(1, frames, 4 * w * side**2))
        self.conv1 = nn.Sequential(
            nn.Conv2d(3, w, 3, 2, 1, bias=False),
            nn.BatchNorm2d(w),
            nn.ReLU(),
            nn.Conv2d(w, w, 3, 1, 1, bias=False),
        )
        self.bn1 = nn.BatchNorm2d(w)
        self.layer1 = nn.Sequential(Block(w, w, 1, gated=False))
        self.layer2 = nn.Sequential(Block(w, 2 * w, 2, gated=True))
        self.layer3 = nn.Sequential(Block(2 * w, 4 * w, 2, gated=True))
        for layer, divisor in ((self.layer1, 4), (self.layer2, 8), (self.layer3, 16)):
            layer[0].add_release_extras(size // divisor, classes, reduction)
        self.layer4 = nn.Sequential(
            *(Block(4 * w, 4 * w, stride, gated=False) for stride in (2, 1, 1))
        )
        self.patch_embedding = nn.Sequential(
            nn.Conv2d(4 * w, 4 * w, 3, 2, 1, bias=False), nn.BatchNorm2d(4 * w), nn.ReLU()
        )
        self.pos_transformer = Transformer(4 * w, w // 2, 4 * w)
        self.temporal_transformer = Transformer(4 * w * side**2, w // 2, 8 * w)

    def forward(self, clips: torch.Tensor) -> tuple[torch.Tensor, dict]:
        frames = clips.shape[1]
        x = torch.relu(self.bn1(self.conv1(clips.flatten(0, 1))))
        x = F.max_pool2d(x, 3, 2, 1)
        x, _ = self.layer1[0](x, frames)
        x, second = self.layer2[0](x, frames)
        x, third = self.layer3[0](x, frames)
        x = x.unflatten(0, (-1, frames))
        d = (x[:, 1:] - x[:, :-1]).flatten(0, 1)
        for block in self.layer4:
            d, _ = block(d, frames - 1)
        s = self.patch_embedding(x[:, :-1].flatten(0, 1))
        places = s.flatten(2).transpose(1, 2)  # [b*(t-1), places, c]
        places = self.pos_transformer(places + self.pos_embedding_pos)
        s = places.transpose(1, 2).reshape(s.shape)
        tokens = (d + s).flatten(1).unflatten(0, (-1, frames - 1))  # channel-major
        mixed = self.temporal_transformer(tokens + self.pos_embedding[:, : frames - 1])
        named = {"dynamic": d, "static": s, "tokens": tokens}
        named |= {f"gates_{k}": v["gate"] for k, v in (("layer2", second), ("layer3", third))}
        named |= {f"aux_{k}": v["aux"] for k, v in (("layer2", second), ("layer3", third))}
        return mixed.mean(1), named


class TorchGCAIAL(nn.Module):
    """The network: logits [b, k] and a dict of intermediates."""

    def __init__(
        self, *, width=64, image_size=112, num_frames=16, num_classes=7, reduction=16
    ) -> None:
        super().__init__()
        self.s_former = Backbone(width, image_size, num_frames, num_classes, reduction)
        self.fc_f = nn.Linear(self.s_former.pos_embedding.shape[-1], num_classes)

    def forward(self, clips: torch.Tensor) -> tuple[torch.Tensor, dict]:
        features, named = self.s_former(clips)
        return self.fc_f(features), {"features": features, **named}


def losses(logits: torch.Tensor, named: dict, labels: torch.Tensor) -> dict[str, torch.Tensor]:
    """Mean loss terms and their total with the released weights (0.1; 0.05, 0)."""
    target = logits.gather(1, labels[:, None])
    others = logits.scatter(1, labels[:, None], -math.inf).amax(1, keepdim=True)
    pair = torch.cat([target, others], dim=1)
    terms = {
        "ce": F.cross_entropy(logits, labels),
        "ial": (pair.logsumexp(1) - pair[:, 0]).mean(),
        "aux_layer2": F.cross_entropy(named["aux_layer2"], labels),
        "aux_layer3": F.cross_entropy(named["aux_layer3"], labels),
    }
    total = terms["ce"] + 0.1 * terms["ial"] + 0.05 * terms["aux_layer2"]
    return {**terms, "total": total + 0.0 * terms["aux_layer3"]}
