"""S2D in PyTorch with the names of its two releases, the landmark network's behind `landmark.`.

Attention is PyTorch's own fused kernel; dropout is left out. Clips come as [b, 3, t, h, w] in
[0, 1]; logits and features go.
"""

import torch
import torch.nn.functional as F
from golden.pretrained.torch_vits import MLP, attend, norm
from torch import nn


class Unit(nn.Module):
    """Convolution, BatchNorm and, where it bends, PReLU."""

    def __init__(self, i, o, k=1, s=1, p=0, groups=1, bends=True):
        super().__init__()
        self.conv = nn.Conv2d(i, o, k, s, p, groups=groups, bias=False)
        self.bn, self.prelu = nn.BatchNorm2d(o), nn.PReLU(o) if bends else nn.Identity()

    def forward(self, x):
        return self.prelu(self.bn(self.conv(x)))


class Inverted(nn.Module):
    """Wide inside, with a 3x3 convolution of every channel alone."""

    def __init__(self, i, o, s, inner):
        super().__init__()
        self.conv, self.is_residual = Unit(i, inner), s == 1
        self.conv_dw = Unit(inner, inner, 3, s, 1, groups=inner)
        self.project = Unit(inner, o, bends=False)

    def forward(self, x):
        y = self.project(self.conv_dw(self.conv(x)))
        return x + y if self.is_residual else y


class Chain(nn.Module):
    def __init__(self, count, c, inner):
        super().__init__()
        self.model = nn.Sequential(*(Inverted(c, c, 1, inner) for _ in range(count)))

    def forward(self, x):
        return self.model(x)


class MobileFaceNet(nn.Module):
    """Gives its map of 14x14; what lies behind is in the files, and not asked."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2_dw = Unit(3, 64, 3, 2, 1), Unit(64, 64, 3, 1, 1, groups=64)
        self.conv_23, self.conv_3 = Inverted(64, 64, 2, 128), Chain(4, 64, 128)
        self.conv_34, self.conv_4 = Inverted(64, 128, 2, 256), Chain(6, 128, 256)
        self.conv_45, self.conv_5 = Inverted(128, 128, 2, 512), Chain(2, 128, 256)
        self.conv_6_sep, out = Unit(128, 512), nn.Module()
        out.conv_6_dw = Unit(512, 512, 7, groups=512, bends=False)
        out.linear, out.bn = nn.Linear(512, 136, bias=False), nn.BatchNorm1d(136)
        self.output_layer = out

    def forward(self, x):
        x = F.interpolate(x, (112, 112), mode="bilinear", align_corners=True)
        x = self.conv_3(self.conv_23(self.conv2_dw(self.conv1(x))))
        return self.conv_4(self.conv_34(x))


class Attention(nn.Module):
    def __init__(self, d, heads, bias):
        super().__init__()
        self.heads, self.qkv, self.proj = heads, nn.Linear(d, 3 * d, bias), nn.Linear(d, d)

    def forward(self, x):
        return self.proj(attend(*self.qkv(x).chunk(3, -1), self.heads))


class Block(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.norm1, self.attn = norm(d), Attention(d, heads, True)
        self.norm2, self.mlp = norm(d), MLP(d, 4 * d, d)

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Adapter(nn.Module):
    def __init__(self, d, attn=None):
        super().__init__()
        self.D_fc1, self.D_fc2 = nn.Linear(d, d // 4), nn.Linear(d // 4, d)
        if attn is not None:
            self.attn = attn

    def forward(self, x):
        y = F.gelu(self.D_fc1(x))
        return self.D_fc2(self.attn(y) if hasattr(self, "attn") else y)


class TemporalModelling(nn.Module):
    """[b, t, n, d]: each place looks at itself in all frames."""

    def __init__(self, d):
        super().__init__()
        self.T_Adapter = Adapter(d, Attention(d // 4, 8, False))
        self.norm, self.S_Adapter = nn.LayerNorm(d), Adapter(d)

    def forward(self, x):
        b, _, n, _ = x.shape
        x = self.T_Adapter(x.transpose(1, 2).flatten(0, 1)).unflatten(0, (b, n)).transpose(1, 2)
        return self.S_Adapter(self.norm(x))


def mix(layer, x):
    """A convolution of 1x1 applied to tokens."""
    return F.linear(x, layer.weight.flatten(1), layer.bias)


class Prompt(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.conv0_0, self.conv0_1 = nn.Conv2d(d, 8, 1), nn.Conv2d(d, 8, 1)
        self.conv1x1, self.fovea, self.TMA = nn.Conv2d(8, d, 1), nn.Module(), TemporalModelling(d)
        self.fovea.smooth = nn.Parameter(torch.full((1,), 10.0))

    def forward(self, x, guide):
        small = mix(self.conv0_0, x)
        focus = (self.fovea.smooth * small).softmax(2)
        guide = mix(self.conv1x1, focus * small + mix(self.conv0_1, guide))
        return guide, guide + self.TMA(x)


class S2D(nn.Module):
    def __init__(self, d=768, heads=12, depth=12, patch=16, frames=16, classes=7):
        super().__init__()
        self.patch_embed, self.patch_embed_prompt, self.head = (nn.Module() for _ in range(3))
        self.patch_embed.proj = nn.Conv2d(3, d, patch, patch)
        self.patch_embed_prompt.proj = nn.Conv2d(128, d, 1)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, d))
        self.pos_embed = nn.Parameter(torch.zeros(1, 197, d))
        self.temporal_embedding = nn.Parameter(torch.zeros(1, frames, d))
        self.blocks = nn.ModuleList(Block(d, heads) for _ in range(depth))
        self.prompt_blocks = nn.ModuleList(Prompt(d) for _ in range(depth))
        self.prompt_norms = nn.ModuleList(norm(d) for _ in range(depth))
        self.ln_post, self.head.fc_cls = norm(d), nn.Linear(d, classes)
        self.landmark = MobileFaceNet().requires_grad_(False)
        for name, value in (("mean", (0.485, 0.456, 0.406)), ("std", (0.229, 0.224, 0.225))):
            self.register_buffer(name, torch.tensor(value).view(3, 1, 1), persistent=False)

    def train(self, mode=True):
        super().train(mode)
        self.landmark.eval()  # it never learns
        return self

    def forward(self, x):
        x = x.transpose(1, 2)
        b, t = x.shape[:2]
        return self.classify((x.flatten(0, 1) - self.mean) / self.std, b, t)

    def classify(self, x, b, t):
        def tokens(maps):  # [b, t, 196, d]
            return maps.flatten(2).transpose(1, 2).unflatten(0, (b, t))

        guide = tokens(self.patch_embed_prompt.proj(self.landmark(x)))
        x, first = tokens(self.patch_embed.proj(x)), self.prompt_norms[0]
        for i, (block, prompt) in enumerate(zip(self.blocks, self.prompt_blocks, strict=True)):
            patches = x[:, :, 1:] if i else x
            normed = self.prompt_norms[max(i - 1, 0)](patches)  # lags by one, as released
            guide, more = prompt(normed, first(guide))
            token = x[:, :, :1] if i else self.cls_token.expand(b, t, 1, -1)
            x = torch.cat([token, patches + more], 2)
            if not i:
                x = x + self.pos_embed + self.temporal_embedding.unsqueeze(2)
            x = block(x.flatten(0, 1)).unflatten(0, (b, t))
        x = self.ln_post(x[:, :, 0]).mean(1)
        return self.head.fc_cls(x), x


NETWORKS = {"s2d": S2D}
