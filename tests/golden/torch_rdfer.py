"""RDFER's networks stated once more, in PyTorch, as the independent side of the parity tests.

Written from the layer list: PyTorch's own LSTM, LayerNorm and fused attention, slices where the
package pads, loops over clips and lists where it has index arithmetic. Frames are [n, 3, h, w]
here, RGB in [0, 1].
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

BLOCKS = {10: (1, 1, 1, 1), 18: (2, 2, 2, 2), 50: (3, 4, 6, 3)}


def shift(x: torch.Tensor, segment: int = 4) -> torch.Tensor:
    """In each group an eighth of the channels of the next frame, an eighth of the last one."""
    eighth = x.shape[1] // 8
    groups = x.unflatten(0, (-1, segment))
    y = torch.zeros_like(groups)
    y[:, :-1, :eighth] = groups[:, 1:, :eighth]
    y[:, 1:, eighth : 2 * eighth] = groups[:, :-1, eighth : 2 * eighth]
    y[:, :, 2 * eighth :] = groups[:, :, 2 * eighth :]
    return y.flatten(0, 1)


class TorchBlock(nn.Module):
    """Basic block, or bottleneck with the stride on its 3x3 convolution."""

    def __init__(self, channels, features, stride, bottleneck) -> None:
        super().__init__()
        self.bottleneck = bottleneck
        width = 4 * features if bottleneck else features
        if bottleneck:
            self.conv1 = nn.Conv2d(channels, features, 1, bias=False)
            self.conv2 = nn.Conv2d(features, features, 3, stride, 1, bias=False)
            self.conv3 = nn.Conv2d(features, width, 1, bias=False)
            self.bn3 = nn.BatchNorm2d(width)
        else:
            self.conv1 = nn.Conv2d(channels, features, 3, stride, 1, bias=False)
            self.conv2 = nn.Conv2d(features, features, 3, 1, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(features), nn.BatchNorm2d(features)
        if stride != 1 or channels != width:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, width, 1, stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu(self.bn1(self.conv1(shift(x))))
        y = self.bn2(self.conv2(y))
        if self.bottleneck:
            y = self.bn3(self.conv3(F.relu(y)))
        return F.relu(y + (self.downsample(x) if hasattr(self, "downsample") else x))


class TorchShiftedResNet(nn.Module):
    """The ImageNet network, named as its published weights are."""

    def __init__(self, depth, width) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        channels = width
        for stage, blocks in enumerate(BLOCKS[depth]):
            layers = []
            for block in range(blocks):
                stride = 2 if stage and not block else 1
                layers.append(TorchBlock(channels, width * 2**stage, stride, depth == 50))
                channels = width * 2**stage * (4 if depth == 50 else 1)
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
        self.channels = channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for stage in range(4):
            x = getattr(self, f"layer{stage + 1}")(x)
        return x.mean((2, 3))


class TorchGate(nn.Module):
    """x * sigmoid(LayerNorm(attention(x))), eight heads."""

    def __init__(self, width) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(x).unflatten(-1, (3, 8, -1)).transpose(1, 3).unbind(2)
        found = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return x * torch.sigmoid(self.norm(found))


class TorchBag(nn.Module):
    """BiLSTM, context, gate, convolution over the instances as channels, shared classifier."""

    def __init__(self, instances, hidden) -> None:
        super().__init__()
        self.lstm = nn.LSTM(hidden, hidden, 2, batch_first=True, bidirectional=True)
        self.attention = TorchGate(2 * hidden)
        self.mix = nn.Conv1d(instances, 1, 3, padding=1)
        self.classifier = nn.Linear(2 * hidden, 7)

    def forward(self, x: torch.Tensor, context=None):
        x, _ = self.lstm(x)
        if context is not None:
            x = x * context[:, None]
        x = self.attention(x)
        features = self.mix(x).squeeze(1)
        return features, self.classifier(features), self.classifier(x)


class TorchRDFER(nn.Module):
    """Both networks; the frames are chosen clip by clip."""

    def __init__(self, *, synopsis_depth, detail_depth, width, hidden) -> None:
        super().__init__()
        self.synopsis_backbone = TorchShiftedResNet(synopsis_depth, width)
        self.detail_backbone = TorchShiftedResNet(detail_depth, width)
        self.synopsis_projection = nn.Linear(self.synopsis_backbone.channels, hidden)
        self.detail_projection = nn.Linear(self.detail_backbone.channels, hidden)
        self.synopsis_bag, self.detail_bag = TorchBag(16, hidden), TorchBag(4, hidden)
        self.context = nn.Linear(2 * hidden, 2 * hidden)

    def forward(self, clips: torch.Tensor) -> dict[str, torch.Tensor]:
        """Clips are [b, t, 3, h, w]."""
        b, t = clips.shape[:2]
        shown = [i * (t - 1) // 15 for i in range(16)]
        x = self.synopsis_projection(self.synopsis_backbone(clips[:, shown].flatten(0, 1)))
        bag, synopsis, instances = self.synopsis_bag(x.view(b, 16, -1))
        peaks = [strongest(instances[i].softmax(-1)[:, synopsis[i].argmax()]) for i in range(b)]
        frames = torch.cat([clip[around(p, t)] for clip, p in zip(clips, peaks, strict=True)])
        y = self.detail_projection(self.detail_backbone(frames)).view(b, 4, 4, -1).mean(2)
        features, logits, details = self.detail_bag(y, torch.sigmoid(self.context(bag)))
        return {
            "logits": logits,
            "features": features,
            "synopsis": synopsis,
            "synopsis_instances": instances,
            "detail_instances": details,
            "key_instants": torch.tensor([[shown[i] for i in p] for p in peaks]),
        }


class RDFER(TorchRDFER):
    """At its full size, of clips [b, 3, t, h, w]; gives logits and features alone."""

    def __init__(self) -> None:
        super().__init__(synopsis_depth=18, detail_depth=50, width=64, hidden=512)

    def forward(self, clips: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        out = super().forward(clips.transpose(1, 2))
        return out["logits"], out["features"]


def strongest(scores: torch.Tensor) -> list[int]:
    """Four local maxima, or the next best after them."""
    q = [-1.0, *scores.tolist(), -1.0]
    peaks = [i for i in range(16) if q[i + 1] > q[i] and q[i + 1] >= q[i + 2]]
    others = [i for i in range(16) if i not in peaks]
    ranked = [sorted(group, key=lambda i: -q[i + 1]) for group in (peaks, others)]
    return (ranked[0] + ranked[1])[:4]


def around(peaks: list[int], t: int) -> list[int]:
    """Four frames two apart around each instant, in temporal order of the instants."""
    positions = [i * (t - 1) / 15 + (j - 1.5) * 2 for i in sorted(peaks) for j in range(4)]
    return [min(max(math.ceil(round(p, 6)), 0), t - 1) for p in positions]
