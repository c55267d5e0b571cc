"""GCA+IAL in PyTorch, written to run fast: the network that ours is timed against.

Same layers and counts as `dfer_jax.models.gca_ial`, written from the paper and its layer table, and
independent of the plain statement the parity tests use. What PyTorch does well is used: channels
last throughout, its fused attention, the global convolution as a product and a sum (a grouped
convolution with a kernel as large as the map takes 2.6 to 4.8 times as long on CPU). Parameters
carry the names of the released checkpoints; the released ones that nothing reads are left out.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

HEADS = 4


def _conv(cin: int, cout: int, kernel: int = 3, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(cin, cout, kernel, stride, kernel // 2, bias=False)


class Block(nn.Module):
    """Residual block of a ResNet; `gate(y, frames)` is applied before the shortcut is added."""

    def __init__(self, cin: int, cout: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1, self.bn1 = _conv(cin, cout, stride=stride), nn.BatchNorm2d(cout)
        self.conv2, self.bn2 = _conv(cout, cout), nn.BatchNorm2d(cout)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Sequential(_conv(cin, cout, 1, stride), nn.BatchNorm2d(cout))

    def body(self, x: torch.Tensor) -> torch.Tensor:
        """Returns the residual [n, d, i, j]."""
        return self.bn2(self.conv2(torch.relu_(self.bn1(self.conv1(x)))))

    def join(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Returns the sum of residual and shortcut after ReLU."""
        return torch.relu_(y + (x if self.downsample is None else self.downsample(x)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps [n, c, h, w] to [n, d, i, j]."""
        return self.join(x, self.body(x))


class GatedBlock(Block):
    """A block with the global-convolution gate (Eqs. 5-7) and an auxiliary head."""

    def __init__(self, cin: int, cout: int, size: int, classes: int, reduction: int) -> None:
        super().__init__(cin, cout, stride=2)
        self.gc = nn.Sequential(nn.Conv2d(cout, cout, size, groups=cout, bias=False))
        self.fc1 = nn.Sequential(_conv(cout, cout // reduction, 1))
        self.fc2 = nn.Sequential(_conv(cout // reduction, cout, 1))
        self.AUX_fc = nn.Sequential(
            nn.Linear(cout, 2 * cout, bias=False), nn.Linear(2 * cout, classes, bias=False)
        )

    def forward(self, x: torch.Tensor, frames: int) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Returns the maps [b * t, d, i, j] and, in training, auxiliary logits [b, k]."""
        y = self.body(x)
        z = (y * self.gc[0].weight[:, 0]).sum((2, 3)).unflatten(0, (-1, frames))  # [b, t, c]
        hidden = torch.relu(F.linear(z, self.fc1[0].weight.flatten(1)))
        s = 2 * torch.sigmoid(F.linear(hidden, self.fc2[0].weight.flatten(1)))
        gate = torch.sqrt(s * s.mean(1, keepdim=True) + 1e-5)
        y = y * gate.flatten(0, 1)[:, :, None, None].to(y.dtype)
        return self.join(x, y), self.AUX_fc(z.mean(1)) if self.training else None


class Attention(nn.Module):
    """Multi-head self-attention by PyTorch's fused kernel."""

    def __init__(self, width: int, head_dim: int) -> None:
        super().__init__()
        self.head_dim = head_dim
        self.to_qkv = nn.Linear(width, 3 * HEADS * head_dim, bias=False)
        self.to_out = nn.Sequential(nn.Linear(HEADS * head_dim, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps tokens [b, n, d] to [b, n, d]."""
        qkv = self.to_qkv(x).unflatten(-1, (3, HEADS, self.head_dim)).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(*qkv.unbind(0))  # [b, heads, n, e]
        return self.to_out(y.transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    """Linear, tanh GELU, linear; numbered as in the release."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        gelu = nn.GELU(approximate="tanh")
        self.net = nn.Sequential(
            nn.Linear(width, hidden), gelu, nn.Identity(), nn.Linear(hidden, width)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps tokens [b, n, d] to [b, n, d]."""
        return self.net(x)


class PreNorm(nn.Module):
    """x + part(LayerNorm(x)), nested as the release's names are (`fn.norm`, `fn.fn`)."""

    def __init__(self, width: int, part: nn.Module) -> None:
        super().__init__()
        self.fn = nn.Module()
        self.fn.norm, self.fn.fn = nn.LayerNorm(width), part

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps tokens [b, n, d] to [b, n, d]."""
        return x + self.fn.fn(self.fn.norm(x))


class Transformer(nn.Module):
    """Two pre-norm layers."""

    def __init__(self, width: int, head_dim: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        for _ in range(2):
            parts = Attention(width, head_dim), FeedForward(width, hidden)
            self.layers.append(nn.Sequential(*(PreNorm(width, part) for part in parts)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps tokens [b, n, d] to [b, n, d]."""
        for layer in self.layers:
            x = layer(x)
        return x


class Backbone(nn.Module):
    """Everything but the classifier."""

    def __init__(self, w: int, size: int, frames: int, classes: int, reduction: int) -> None:
        super().__init__()
        side = math.ceil(size / 32)
        self.conv1 = nn.Sequential(
            _conv(3, w, stride=2), nn.BatchNorm2d(w), nn.ReLU(inplace=True), _conv(w, w)
        )
        self.bn1 = nn.BatchNorm2d(w)
        self.layer1 = nn.Sequential(Block(w, w))
        self.layer2 = nn.Sequential(GatedBlock(w, 2 * w, size // 8, classes, reduction))
        self.layer3 = nn.Sequential(GatedBlock(2 * w, 4 * w, size // 16, classes, reduction))
        self.layer4 = nn.Sequential(*(Block(4 * w, 4 * w, stride) for stride in (2, 1, 1)))
        self.patch_embedding = nn.Sequential(
            _conv(4 * w, 4 * w, stride=2), nn.BatchNorm2d(4 * w), nn.ReLU(inplace=True)
        )
        self.pos_embedding_pos = nn.Parameter(torch.randn(1, side**2, 4 * w))
        self.pos_transformer = Transformer(4 * w, w // 2, 4 * w)
        self.pos_embedding = nn.Parameter(torch.randn(1, frames, 4 * w * side**2))
        self.temporal_transformer = Transformer(4 * w * side**2, w // 2, 8 * w)

    def forward(self, x: torch.Tensor, frames: int) -> tuple[torch.Tensor, list]:
        """Maps frames [b * t, 3, h, w] to features [b, d] and what the auxiliary heads say."""
        x = F.max_pool2d(torch.relu_(self.bn1(self.conv1(x))), 3, 2, 1)
        x, second = self.layer2[0](self.layer1(x), frames)
        x, third = self.layer3[0](x, frames)
        x = x.permute(0, 2, 3, 1).unflatten(0, (-1, frames))  # channels last, also when cut
        differences = (x[:, 1:] - x[:, :-1]).flatten(0, 1).permute(0, 3, 1, 2)
        static = self.patch_embedding(x[:, :-1].flatten(0, 1).permute(0, 3, 1, 2))
        places = static.permute(0, 2, 3, 1).flatten(1, 2)  # [b * (t - 1), places, c]
        places = self.pos_transformer(places + self.pos_embedding_pos)
        dynamic = self.layer4(differences).flatten(2)  # [b * (t - 1), c, places]
        tokens = (dynamic + places.transpose(1, 2)).flatten(1)  # channel-major
        tokens = tokens.unflatten(0, (-1, frames - 1)) + self.pos_embedding[:, : frames - 1]
        return self.temporal_transformer(tokens).float().mean(1), [second, third]


class TorchGCAIAL(nn.Module):
    """The network; convolutions start as in a ResNet, everything else as PyTorch has it."""

    def __init__(
        self, *, width: int, image_size: int, num_frames: int, num_classes: int, reduction: int
    ) -> None:
        super().__init__()
        self.s_former = Backbone(width, image_size, num_frames, num_classes, reduction)
        self.fc_f = nn.Linear(self.s_former.pos_embedding.shape[-1], num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, clips: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, list]:
        """Classifies uint8 RGB clips [b, t, h, w, 3]; scales them to [0, 1] first.

        Returns:
            Logits [b, k], features [b, d] and the auxiliary logits of layer2 and layer3 [b, k]
            (None outside training, where nobody asks for them).
        """
        frames = clips.flatten(0, 1).permute(0, 3, 1, 2).float() / 255  # channels last already
        features, auxiliary = self.s_former(frames, clips.shape[1])
        return self.fc_f(features), features, auxiliary


def loss(logits: torch.Tensor, auxiliary: list[torch.Tensor], labels: torch.Tensor) -> torch.Tensor:
    """Mean CE + 0.1 IAL + 0.05 CE of layer2's head + 0 CE of layer3's: the released weights."""
    logits = logits.float()
    others = logits.scatter(1, labels[:, None], -math.inf).amax(1)
    intensity_aware = F.softplus(others - logits.gather(1, labels[:, None])[:, 0]).mean()
    second, third = (F.cross_entropy(head.float(), labels) for head in auxiliary)
    return F.cross_entropy(logits, labels) + 0.1 * intensity_aware + 0.05 * second + 0.0 * third
