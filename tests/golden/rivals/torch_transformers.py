"""Independent PyTorch statements of Former-DFER, NR-DFERNet, M3DFEL and STT, published names.

Run by `make_golden.py` where PyTorch is; nothing here is imported by the tests.
"""

import torch
import torch.nn.functional as F
from golden.rivals.torch_conv3d import VideoResNet
from golden.rivals.torch_frames import Basic, conv, stage
from torch import nn


class Wrap(nn.Module):
    """x + fn(norm(x)), with the published nesting fn.norm, fn.fn."""

    def __init__(self, d, fn):
        super().__init__()
        self.fn = nn.Module()
        self.fn.norm, self.fn.fn = nn.LayerNorm(d), fn

    def forward(self, x):
        return x + self.fn.fn(self.fn.norm(x))


class Attend(nn.Module):
    def __init__(self, d, heads, e):
        super().__init__()
        self.h, self.e = heads, e
        self.to_qkv = nn.Linear(d, 3 * heads * e, bias=False)
        self.to_out = nn.Sequential(nn.Linear(heads * e, d))

    def forward(self, x):
        q, k, v = (
            y.unflatten(-1, (self.h, self.e)).transpose(1, 2)
            for y in self.to_qkv(x).chunk(3, dim=-1)
        )
        y = ((q @ k.transpose(-1, -2)) * self.e**-0.5).softmax(-1) @ v
        return self.to_out(y.transpose(1, 2).flatten(2))


class MLP(nn.Module):
    def __init__(self, d, m):
        super().__init__()
        gelu = nn.GELU(approximate="tanh")
        self.net = nn.Sequential(nn.Linear(d, m), gelu, nn.Identity(), nn.Linear(m, d))

    def forward(self, x):
        return self.net(x)


class Transformer(nn.Module):
    def __init__(self, d, depth, heads, e, m):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.ModuleList([Wrap(d, Attend(d, heads, e)), Wrap(d, MLP(d, m))]) for _ in range(depth)
        )

    def forward(self, x):
        for attend, mlp in self.layers:
            x = mlp(attend(x))
        return x


class FormerDFER(nn.Module):
    def __init__(self, width=64, classes=7, frames=16, places=49):
        super().__init__()
        w, s = width, nn.Module()
        s.conv1, s.bn1 = conv(3, w, 7, 2), nn.BatchNorm2d(w)
        s.layer1, s.layer2 = stage(w, w, 1), stage(w, 2 * w, 2)
        s.layer3, s.layer4 = stage(2 * w, 4 * w, 2), stage(4 * w, 8 * w, 2)
        s.pos_embedding = nn.Parameter(torch.randn(1, places, 4 * w))
        s.spatial_transformer = Transformer(4 * w, 1, 8, w // 2, 8 * w)
        t = nn.Module()
        t.cls_token = nn.Parameter(torch.randn(1, 1, 8 * w))
        t.pos_embedding = nn.Parameter(torch.randn(1, frames + 1, 8 * w))
        t.spatial_transformer = Transformer(8 * w, 3, 8, w, 16 * w)
        self.s_former, self.t_former, self.fc = s, t, nn.Linear(8 * w, classes)

    def forward(self, x):
        s, t, (b, _, n) = self.s_former, self.t_former, x.shape[:3]
        x = x.transpose(1, 2).flatten(0, 1)
        x = F.max_pool2d(F.relu(s.bn1(s.conv1(x))), 3, 2, 1)
        x = s.layer3(s.layer2(s.layer1(x)))
        y = s.spatial_transformer(x.flatten(2).transpose(1, 2) + s.pos_embedding)
        x = s.layer4(y.transpose(1, 2).reshape(x.shape)).mean((2, 3)).unflatten(0, (b, n))
        x = torch.cat([t.cls_token.expand(b, -1, -1), x], 1) + t.pos_embedding
        x = t.spatial_transformer(x)[:, 0]
        return self.fc(x), x


class NoisyBlock(Basic):
    """With the parameters that the release never uses."""

    def __init__(self, i, o, s):
        super().__init__(i, o, s)
        self.attn = nn.Sequential(conv(2, 1, 1), nn.BatchNorm2d(1))


class NRDFERNet(nn.Module):
    def __init__(self, width=64, classes=7, frames=16, side=4):
        super().__init__()
        w, s, d = width, nn.Module(), 4 * width * side**2
        s.cls_token = nn.Parameter(torch.randn(1, 1, d))
        s.temporal_pos_embedding = nn.Parameter(torch.randn(1, frames, d))
        s.pos_embedding_static = nn.Parameter(torch.randn(1, side**2, 4 * w))
        s.conv1 = nn.Sequential(conv(3, w, 3, 2), nn.BatchNorm2d(w), nn.ReLU(), conv(w, w, 3))
        s.bn1 = nn.BatchNorm2d(w)
        s.layer1 = nn.Sequential(NoisyBlock(w, w, 1))
        s.layer2 = nn.Sequential(NoisyBlock(w, 2 * w, 2))
        s.layer3 = nn.Sequential(NoisyBlock(2 * w, 4 * w, 2))
        s.d_branch = nn.Sequential(*(NoisyBlock(4 * w, 4 * w, k) for k in (2, 1, 1)))
        s.patch_embedding = nn.Sequential(conv(4 * w, 4 * w, 3, 2), nn.BatchNorm2d(4 * w))
        s.temporal_transformer = Transformer(d, 2, 4, w // 2, 8 * w)
        s.s_branch = Transformer(4 * w, 2, 4, w // 2, 4 * w)
        self.s_former, self.fc = s, nn.Linear(d, classes)

    def token(self, x):
        x = torch.cat([x.mean(1, keepdim=True), x], 1)
        s = self.s_former
        return s.temporal_transformer(x + s.temporal_pos_embedding[:, : x.shape[1]])[:, 0]

    def forward(self, x):
        s, (b, _, n) = self.s_former, x.shape[:3]
        x = x.transpose(1, 2).flatten(0, 1)
        x = F.max_pool2d(F.relu(s.bn1(s.conv1(x))), 3, 2, 1)
        x = s.layer3(s.layer2(s.layer1(x))).unflatten(0, (b, n))
        dynamic = s.d_branch((x[:, 1:] - x[:, :-1]).flatten(0, 1))
        static = F.relu(s.patch_embedding(x[:, :-1].flatten(0, 1)))
        y = s.s_branch(static.flatten(2).transpose(1, 2) + s.pos_embedding_static)
        y = (y.transpose(1, 2).reshape(static.shape) + dynamic).flatten(1).unflatten(0, (b, n - 1))
        features = self.token(y)
        snippets = [self.fc(self.token(y[:, i : i + 3])) for i in range(0, n - 3, 2)]
        return self.fc(features), features, torch.stack(snippets, 1)


class DMIN(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1, d, 1))
        self.bias = nn.Parameter(torch.zeros(1, d, 1))
        self.mean_weight = nn.Parameter(torch.ones(2))
        self.var_weight = nn.Parameter(torch.ones(2))

    def forward(self, x):
        x = x.transpose(1, 2)  # [b, d, n]
        m, v = x.mean(-1, keepdim=True), x.var(-1, keepdim=True)
        big_m = m.mean(1, keepdim=True)
        big_v = (v + m**2).mean(1, keepdim=True) - big_m**2
        w, u = self.mean_weight.softmax(0), self.var_weight.softmax(0)
        x = (x - w[0] * m - w[1] * big_m) / (u[0] * v + u[1] * big_v + 1e-5).sqrt()
        return (x * self.weight + self.bias).transpose(1, 2)


class M3DFEL(nn.Module):
    def __init__(self, width=64, classes=7, frames=16):
        super().__init__()
        r3d = VideoResNet("r3d", width)
        self.features = nn.Sequential(r3d.stem, r3d.layer1, r3d.layer2, r3d.layer3, r3d.layer4)
        d, self.n = 16 * width, frames // 4
        self.lstm = nn.LSTM(d // 2, d // 2, 2, batch_first=True, bidirectional=True)
        self.to_qkv = nn.Linear(d, 3 * d, bias=False)
        self.norm, self.pwconv = DMIN(d), nn.Conv1d(self.n, 1, 3, 1, 1)
        self.fc = nn.Linear(d, classes)

    def forward(self, x):
        b, c, _, h, w = x.shape
        x = x.transpose(1, 2).reshape(b * self.n, 4, c, h, w).transpose(1, 2)
        x = self.features(x).mean((2, 3, 4)).unflatten(0, (b, self.n))
        h = self.lstm(x)[0]
        q, k, v = (y.unflatten(-1, (8, -1)).transpose(1, 2) for y in self.to_qkv(h).chunk(3, -1))
        a = ((q @ k.transpose(-1, -2)) * q.shape[-1] ** -0.5).softmax(-1) @ v
        gate = self.norm(a.transpose(1, 2).flatten(2)).sigmoid()
        x = self.pwconv(h * gate)[:, 0]
        return self.fc(x), x


class SharedLayer(nn.Module):
    """A pre-norm layer of tokens [b, m, n, d] over the last axis of these, in one fused kernel."""

    def __init__(self, d, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.attention_out = nn.Linear(d, 3 * d, bias=False), nn.Linear(d, d)
        self.mlp_in, self.mlp_out = nn.Linear(d, 2 * d), nn.Linear(2 * d, d)

    def forward(self, x):
        qkv = self.qkv(self.norm1(x)).flatten(0, 1).unflatten(-1, (3, self.heads, -1))
        q, k, v = qkv.transpose(1, 3).unbind(2)  # [b * m, heads, n, e]
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(x.shape)
        x = x + self.attention_out(y)
        return x + self.mlp_out(F.gelu(self.mlp_in(self.norm2(x)), approximate="tanh"))


class STT(nn.Module):
    def __init__(self, width=64, classes=7, frames=16, places=49, depth=4):
        super().__init__()
        w, d, c = width, 4 * width, nn.Module()
        c.conv1, c.bn1 = conv(3, w, 7, 2), nn.BatchNorm2d(w)
        c.layer1, c.layer2, c.layer3 = stage(w, w, 1), stage(w, 2 * w, 2), stage(2 * w, d, 2)
        self.cnn, self.tokens, self.blocks = c, nn.Module(), nn.ModuleList()
        self.tokens.place_embedding = nn.Parameter(torch.randn(1, places, d))
        self.tokens.frame_embedding = nn.Parameter(torch.randn(1, frames, d))
        for _ in range(depth):
            kinds = ("spatial", "temporal")
            self.blocks.append(nn.ModuleDict({kind: SharedLayer(d, 8) for kind in kinds}))
        self.norm, self.fc = nn.LayerNorm(d), nn.Linear(d, classes)

    def forward(self, x):
        c, t = self.cnn, self.tokens
        y = F.max_pool2d(F.relu(c.bn1(c.conv1(x.transpose(1, 2).flatten(0, 1)))), 3, 2, 1)
        y = c.layer3(c.layer2(c.layer1(y))).flatten(2).transpose(1, 2)
        y = y.unflatten(0, (len(x), -1)) + t.place_embedding + t.frame_embedding.unsqueeze(2)
        for block in self.blocks:
            y = block["temporal"](block["spatial"](y).transpose(1, 2)).transpose(1, 2)
        y = self.norm(y).mean((1, 2))
        return self.fc(y), y


NETWORKS = {"former_dfer": FormerDFER, "nr_dfernet": NRDFERNet, "m3dfel": M3DFEL, "stt": STT}
