"""The vision transformers that publish weights, in PyTorch, with the names of these.

Attention is PyTorch's own fused kernel. Stochastic depth is left out. Clips come as [b, 3, t, h, w]
in [0, 1]; logits and features go.
"""

import numpy as np
import torch
import torch.nn.functional as F
from golden.rivals.torch_transformers import Transformer
from torch import nn


def attend(q, k, v, heads):  # [b, n, d], [b, m, d] twice -> [b, n, d]
    q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)


class Attention(nn.Module):
    """Of tokens to themselves through `qkv`, or to a context through `q` and `kv`."""

    def __init__(self, d, heads, fused):
        super().__init__()
        self.heads, self.fused = heads, fused
        self.q_bias, self.v_bias = nn.Parameter(torch.zeros(d)), nn.Parameter(torch.zeros(d))
        if fused:
            self.qkv = nn.Linear(d, 3 * d, bias=False)
        else:
            self.q, self.kv = nn.Linear(d, d, bias=False), nn.Linear(d, 2 * d, bias=False)
        self.proj = nn.Linear(d, d)

    def forward(self, x, context=None):
        none = torch.zeros_like(self.v_bias)
        if self.fused:
            bias = torch.cat([self.q_bias, none, self.v_bias])
            q, k, v = F.linear(x, self.qkv.weight, bias).chunk(3, -1)
        else:
            q = F.linear(x, self.q.weight, self.q_bias)
            bias = torch.cat([none, self.v_bias])
            k, v = F.linear(x if context is None else context, self.kv.weight, bias).chunk(2, -1)
        return self.proj(attend(q, k, v, self.heads))


class MLP(nn.Module):
    def __init__(self, d, hidden, out):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(d, hidden), nn.Linear(hidden, out)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


def norm(d):
    return nn.LayerNorm(d, eps=1e-6)


class VideoViT(nn.Module):
    """Tubelets with fixed positions in, the mean of the last tokens to a classifier."""

    def __init__(self, d, classes):
        super().__init__()
        self.patch_embed = nn.Module()
        self.patch_embed.proj = nn.Conv3d(3, d, (2, 16, 16), (2, 16, 16))
        self.fc_norm, self.head = norm(d), nn.Linear(d, classes)
        angles = np.arange(800)[:, None] / 10000 ** (2 * (np.arange(d) // 2) / d)
        table = np.where(np.arange(d) % 2, np.cos(angles), np.sin(angles))
        self.register_buffer("positions", torch.tensor(table).float(), persistent=False)
        for name, value in (("mean", (0.485, 0.456, 0.406)), ("std", (0.229, 0.224, 0.225))):
            value = torch.tensor(value).view(3, 1, 1, 1)
            self.register_buffer(name, value, persistent=False)

    def tokens(self, x):  # [b, 800, d]
        x = self.patch_embed.proj((x - self.mean) / self.std)
        return x.flatten(2).transpose(1, 2) + self.positions

    def classify(self, x):
        x = self.fc_norm(x.mean(1))
        return self.head(x), x


class LocalGlobalBlock(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        for name in ("first", "second", "third"):
            setattr(self, f"{name}_attn", Attention(d, heads, False))
            setattr(self, f"{name}_attn_norm0", norm(d))
        self.third_attn_norm1, self.norm2, self.mlp = norm(d), norm(d), MLP(d, 4 * d, d)

    def forward(self, x):  # [b, regions, 1 + n, d]
        b, r, n, d = x.shape
        x = x + self.first_attn(self.first_attn_norm0(x).flatten(0, 1)).view(b, r, n, d)
        regions, patches = x[:, :, 0], x[:, :, 1:].flatten(1, 2)
        regions = regions + self.second_attn(self.second_attn_norm0(regions))
        context = self.third_attn_norm1(regions)
        patches = patches + self.third_attn(self.third_attn_norm0(patches), context)
        x = torch.cat([regions[:, :, None], patches.view(b, r, n - 1, d)], 2)
        return x + self.mlp(self.norm2(x))


class MAEDFER(VideoViT):
    def __init__(self, d=512, heads=8, classes=7):
        super().__init__(d, classes)
        self.lg_region_tokens = nn.Parameter(torch.zeros(8, d))
        self.blocks = nn.Sequential(*(LocalGlobalBlock(d, heads) for _ in range(16)))

    def forward(self, x):
        x = self.tokens(x)
        x = x.view(-1, 4, 2, 2, 5, 1, 10, x.shape[-1]).transpose(2, 3).transpose(4, 5)
        # [b, nt, nh, rt, nw, rh, rw, d]; there is one region across the width
        x = x.reshape(len(x), 8, 100, -1)
        tokens = self.lg_region_tokens[None, :, None].expand(len(x), -1, -1, -1)
        return self.classify(self.blocks(torch.cat([tokens, x], 2))[:, :, 0])


class Block(nn.Module):
    def __init__(self, d, heads, crossed):
        super().__init__()
        self.norm1, self.attn = norm(d), Attention(d, heads, True)
        self.norm2, self.mlp = norm(d), MLP(d, 4 * d, d)
        if crossed:
            self.cross_norm1, self.cross_norm2 = norm(d), norm(d)
            self.cross_attn = Attention(d, heads, False)

    def forward(self, x, context=None):
        if context is not None:
            x = x + self.cross_attn(self.cross_norm1(x), self.cross_norm2(context))
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class SVFAPB(VideoViT):
    def __init__(self, d=512, heads=8, classes=7):
        super().__init__(d, classes)
        self.blocks = nn.ModuleList(Block(d, heads, i >= 12) for i in range(21))
        self.temporal_downsamples = nn.ModuleList(nn.Conv1d(d, d, 2, 2) for _ in range(2))
        self.spatial_downsamples = nn.ModuleList(nn.Module() for _ in range(2))
        for part in self.spatial_downsamples:
            part.norm, part.mlp = norm(d), MLP(d, 128, 8)

    def forward(self, x):
        x = self.tokens(x)
        for block in self.blocks[:12]:
            x = block(x)
        for k, blocks in enumerate((self.blocks[12:18], self.blocks[18:])):
            x = x.unflatten(1, (-1, 100)).permute(0, 2, 3, 1).flatten(0, 1)  # [b * 100, d, t]
            x = self.temporal_downsamples[k](x).unflatten(0, (-1, 100)).permute(0, 3, 1, 2)
            part = self.spatial_downsamples[k]
            few = part.mlp(part.norm(x)).softmax(2).transpose(2, 3) @ x  # [b, t, 8, d]
            few, x = few.flatten(1, 2), x.flatten(1, 2)
            for block in blocks[:-1]:
                few = block(few, x)
            x = blocks[-1](x, few)
        return self.classify(x)


class CLIPBlock(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.attn = nn.Module()
        self.attn.in_proj_weight = nn.Parameter(torch.zeros(3 * d, d))
        self.attn.in_proj_bias = nn.Parameter(torch.zeros(3 * d))
        self.attn.out_proj, self.mlp = nn.Linear(d, d), nn.Module()
        self.ln_1, self.ln_2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.mlp.c_fc, self.mlp.c_proj = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

    def forward(self, x):
        qkv = F.linear(self.ln_1(x), self.attn.in_proj_weight, self.attn.in_proj_bias)
        x = x + self.attn.out_proj(attend(*qkv.chunk(3, -1), qkv.shape[-1] // 192))
        y = self.mlp.c_fc(self.ln_2(x))
        return x + self.mlp.c_proj(y * torch.sigmoid(1.702 * y))


class DFERCLIP(nn.Module):
    """The texts' vectors are parameters, as in ours."""

    def __init__(self, d=768, classes=7):
        super().__init__()
        v, t = nn.Module(), nn.Module()
        v.conv1, v.class_embedding = (
            nn.Conv2d(3, d, 32, 32, bias=False),
            nn.Parameter(torch.zeros(d)),
        )
        v.positional_embedding = nn.Parameter(torch.zeros(50, d))
        v.ln_pre, v.ln_post = nn.LayerNorm(d), nn.LayerNorm(d)
        v.transformer, v.proj = nn.Module(), nn.Parameter(torch.zeros(d, 512))
        v.transformer.resblocks = nn.Sequential(*(CLIPBlock(d) for _ in range(12)))
        t.cls_token = nn.Parameter(torch.zeros(1, 1, 512))
        t.pos_embedding = nn.Parameter(torch.zeros(1, 17, 512))
        t.temporal_transformer = Transformer(512, 1, 8, 64, 1024)
        self.image_encoder, self.temporal_net = v, t
        self.text_features = nn.Parameter(torch.zeros(classes, 512))

    def forward(self, x):
        v, t, b = self.image_encoder, self.temporal_net, len(x)
        x = v.conv1(x.transpose(1, 2).flatten(0, 1)).flatten(2).transpose(1, 2)
        x = torch.cat([v.class_embedding.expand(len(x), 1, -1), x], 1) + v.positional_embedding
        x = v.ln_post(v.transformer.resblocks(v.ln_pre(x))[:, 0]) @ v.proj
        x = torch.cat([t.cls_token.expand(b, -1, -1), x.unflatten(0, (b, -1))], 1)
        x = t.temporal_transformer(x + t.pos_embedding)[:, 0]
        return 100 * F.normalize(x, dim=-1) @ F.normalize(self.text_features, dim=-1).T, x


NETWORKS = {"mae_dfer": MAEDFER, "svfap_b": SVFAPB, "dfer_clip": DFERCLIP}
