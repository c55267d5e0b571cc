"""The per-frame models stated once more, in PyTorch, as the independent side of the parity tests.

ResNet-50 has the parameter names of the VGGFace2 release and is written from its layer table; the
temporal models are built from PyTorch's own GRU and encoder layer. Pictures are [n, 3, h, w] here,
RGB in [0, 1].
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

MEAN = (131.0912, 103.8827, 91.4953)


class TorchResNet50(nn.Module):
    """Convolutions and normalisations as flat attributes, found by the release's names."""

    def __init__(self, *, width=64, stage_sizes=(3, 4, 6, 3), num_classes=7, se=False) -> None:
        super().__init__()
        self.stage_sizes, self.se = stage_sizes, se
        self._add("conv1_7x7_s2", 3, width, 7, 2, 3)
        channels = width
        for stage, blocks in enumerate(stage_sizes):
            inner = width * 2**stage
            for block in range(1, blocks + 1):
                name = f"conv{stage + 2}_{block}_1x1"
                stride = 2 if block == 1 and stage else 1
                self._add(f"{name}_reduce", channels, inner, 1, stride, 0)
                self._add(name.replace("1x1", "3x3"), inner, inner, 3, 1, 1)
                self._add(f"{name}_increase", inner, 4 * inner, 1, 1, 0)
                if block == 1:
                    self._add(f"{name}_proj", channels, 4 * inner, 1, stride, 0)
                if se:
                    setattr(self, f"{name}_down", nn.Conv2d(4 * inner, inner // 4, 1))
                    setattr(self, f"{name}_up", nn.Conv2d(inner // 4, 4 * inner, 1))
                channels = 4 * inner
        self.classifier = nn.Conv2d(channels, num_classes, 1)

    def _add(self, name, cin, cout, kernel, stride, padding) -> None:
        setattr(self, name, nn.Conv2d(cin, cout, kernel, stride, padding, bias=False))
        setattr(self, f"{name}_bn", nn.BatchNorm2d(cout))

    def _apply_named(self, name: str, x: torch.Tensor) -> torch.Tensor:
        return getattr(self, f"{name}_bn")(getattr(self, name)(x))

    def features(self, images: torch.Tensor) -> torch.Tensor:
        x = 255 * images - torch.tensor(MEAN)[:, None, None]
        x = F.relu(self._apply_named("conv1_7x7_s2", x))
        x = F.max_pool2d(x, 3, 2, 0, ceil_mode=True)
        for stage, blocks in enumerate(self.stage_sizes):
            for block in range(1, blocks + 1):
                name = f"conv{stage + 2}_{block}_1x1"
                y = F.relu(self._apply_named(f"{name}_reduce", x))
                y = F.relu(self._apply_named(name.replace("1x1", "3x3"), y))
                y = self._apply_named(f"{name}_increase", y)
                if self.se:
                    gate = F.relu(getattr(self, f"{name}_down")(F.adaptive_avg_pool2d(y, 1)))
                    y = y * torch.sigmoid(getattr(self, f"{name}_up")(gate))
                shortcut = self._apply_named(f"{name}_proj", x) if block == 1 else x
                x = F.relu(y + shortcut)
        return F.adaptive_avg_pool2d(x, 1)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = self.features(images)
        return self.classifier(features).flatten(1), features.flatten(1)


class TorchGRU(nn.Module):
    """Projection, bidirectional GRU, linear head on features [b, t, d]."""

    def __init__(self, *, num_layers: int, features=2048, token_width=768, hidden=384) -> None:
        super().__init__()
        self.projection = nn.Linear(features, token_width)
        self.gru = nn.GRU(token_width, hidden, num_layers, batch_first=True, bidirectional=True)
        self.classifier = nn.Linear(2 * hidden, 7)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        y, _ = self.gru(F.relu(self.projection(x)))
        y = F.relu(y)
        return self.classifier(y), y


class TorchTransformer(nn.Module):
    """Projection, positions by time index, two pre-norm encoder layers, final norm, linear head."""

    def __init__(self, *, features=2048, token_width=768, num_heads=12) -> None:
        super().__init__()
        self.projection = nn.Linear(features, token_width)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                token_width,
                num_heads,
                4 * token_width,
                dropout=0.0,
                activation="gelu",
                layer_norm_eps=1e-6,
                batch_first=True,
                norm_first=True,
            )
            for _ in range(2)
        )
        self.norm = nn.LayerNorm(token_width, eps=1e-6)
        self.classifier = nn.Linear(token_width, 7)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        y = self.projection(x)
        length, width = y.shape[1:]
        positions = torch.tensor(
            [
                [
                    (math.cos if column % 2 else math.sin)(
                        t / 10000 ** ((column - column % 2) / width)
                    )
                    for column in range(width)
                ]
                for t in range(length)
            ]
        )
        y = y + positions
        for block in self.blocks:
            y = block(y)
        y = self.norm(y)
        return self.classifier(y), y
