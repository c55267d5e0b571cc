"""Independent PyTorch statements of the 3D networks, with the names of the published ones.

Run by `make_rivals_golden.py` where PyTorch is; nothing here is imported by the tests.
"""

import torch
import torch.nn.functional as F
from torch import nn


def conv(i, o, k, s=1, p=None, bias=False):
    """A 3D convolution; k, s, p are numbers or triples."""
    k = (k,) * 3 if isinstance(k, int) else k
    p = tuple(n // 2 for n in k) if p is None else p
    return nn.Conv3d(i, o, k, s, p, bias=bias)


def bn(c):
    return nn.BatchNorm3d(c)


class VideoBlock(nn.Module):
    def __init__(self, i, o, s, kind):
        super().__init__()
        mid = (i * o * 27) // (i * 9 + 3 * o)

        def piece(a, b, s):
            if kind == "r3d":
                return conv(a, b, 3, s)
            if kind == "flat":
                return conv(a, b, (1, 3, 3), (1, s, s))
            return nn.Sequential(
                conv(a, mid, (1, 3, 3), (1, s, s)),
                bn(mid),
                nn.ReLU(),
                conv(mid, b, (3, 1, 1), (s, 1, 1)),
            )

        self.conv1 = nn.Sequential(piece(i, o, s), bn(o), nn.ReLU())
        self.conv2 = nn.Sequential(piece(o, o, 1), bn(o))
        self.downsample = None
        if s != 1 or i != o:
            stride = (1, s, s) if kind == "flat" else s
            self.downsample = nn.Sequential(conv(i, o, 1, stride), bn(o))

    def forward(self, x):
        skip = x if self.downsample is None else self.downsample(x)
        return F.relu(self.conv2(self.conv1(x)) + skip)


class VideoResNet(nn.Module):
    def __init__(self, form, width=64, classes=7):
        super().__init__()
        if form == "r2plus1d":
            mid = 45 * width // 64
            self.stem = nn.Sequential(
                conv(3, mid, (1, 7, 7), (1, 2, 2)),
                bn(mid),
                nn.ReLU(),
                conv(mid, width, (3, 1, 1)),
                bn(width),
                nn.ReLU(),
            )
        else:
            self.stem = nn.Sequential(conv(3, width, (3, 7, 7), (1, 2, 2)), bn(width), nn.ReLU())
        i = width
        for n in range(4):
            kind = {"r3d": "r3d", "r2plus1d": "split", "mc3": "flat" if n else "r3d"}[form]
            o = width * 2**n
            blocks = [VideoBlock(i, o, 2 if n else 1, kind), VideoBlock(o, o, 1, kind)]
            setattr(self, f"layer{n + 1}", nn.Sequential(*blocks))
            i = o
        self.fc = nn.Linear(i, classes)

    def features(self, x):
        x = self.layer4(self.layer3(self.layer2(self.layer1(self.stem(x)))))
        return x.mean((2, 3, 4))

    def forward(self, x):
        features = self.features(x)
        return self.fc(features), features


class HaraBlock(nn.Module):
    def __init__(self, i, o, s, shortcut):
        super().__init__()
        self.conv1, self.bn1 = conv(i, o, 3, s), bn(o)
        self.conv2, self.bn2 = conv(o, o, 3), bn(o)
        self.kind, self.extra = shortcut if s != 1 else "same", o - i
        if self.kind == "b":
            self.downsample = nn.Sequential(conv(i, o, 1, s), bn(o))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.kind == "b":
            x = self.downsample(x)
        elif self.kind == "a":
            x = F.avg_pool3d(x, 1, 2)
            x = torch.cat([x, x.new_zeros(x.shape[0], self.extra, *x.shape[2:])], 1)
        return F.relu(x + y)


class HaraResNet18(nn.Module):
    def __init__(self, shortcut="b", width=64, classes=7):
        super().__init__()
        self.conv1, self.bn1 = conv(3, width, 7, (1, 2, 2)), bn(width)
        i = width
        for n in range(4):
            o = width * 2**n
            blocks = [HaraBlock(i, o, 2 if n else 1, shortcut), HaraBlock(o, o, 1, shortcut)]
            setattr(self, f"layer{n + 1}", nn.Sequential(*blocks))
            i = o
        self.fc = nn.Linear(i, classes)

    def forward(self, x):
        x = F.max_pool3d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x)))).mean((2, 3, 4))
        return self.fc(x), x


class C3D(nn.Module):
    def __init__(self, width=64, classes=7, side=4):
        super().__init__()
        self.order = ["1", "2", "3a", "3b", "4a", "4b", "5a", "5b"]
        i = 3
        for name, factor in zip(self.order, (1, 2, 4, 4, 8, 8, 8, 8), strict=True):
            setattr(self, f"conv{name}", conv(i, factor * width, 3, bias=True))
            setattr(self, f"bn{name}", bn(factor * width))
            i = factor * width
        self.fc6 = nn.Linear(i * side**2, 64 * width)
        self.fc7 = nn.Linear(64 * width, 64 * width)
        self.fc8 = nn.Linear(64 * width, classes)

    def forward(self, x):
        for name in self.order:
            x = F.relu(getattr(self, f"bn{name}")(getattr(self, f"conv{name}")(x)))
            if name == "1":
                x = F.max_pool3d(x, (1, 2, 2))
            elif name == "5b":
                x = F.max_pool3d(x, 2, 2, (0, 1, 1))
            elif name[-1] in "2b":
                x = F.max_pool3d(x, 2)
        x = F.relu(self.fc7(F.relu(self.fc6(x.flatten(1)))))
        return self.fc8(x), x


def pad_same(x, k, s):
    pads = []
    for size, k_, s_ in zip(x.shape[:1:-1], k[::-1], s[::-1], strict=True):
        total = max(k_ - s_, 0) if size % s_ == 0 else max(k_ - size % s_, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads)


class Unit(nn.Module):
    def __init__(self, i, o, k=(1, 1, 1), s=(1, 1, 1)):
        super().__init__()
        self.k, self.s = k, s
        self.conv3d = conv(i, o, k, s, 0)
        self.bn = nn.BatchNorm3d(o, eps=1e-3, momentum=0.01)

    def forward(self, x):
        return F.relu(self.bn(self.conv3d(pad_same(x, self.k, self.s))))


class Mixed(nn.Module):
    def __init__(self, i, c):
        super().__init__()
        three = (3, 3, 3)
        self.b0 = Unit(i, c[0])
        self.b1a, self.b1b = Unit(i, c[1]), Unit(c[1], c[2], three)
        self.b2a, self.b2b = Unit(i, c[3]), Unit(c[3], c[4], three)
        self.b3b = Unit(i, c[5])

    def forward(self, x):
        pooled = F.max_pool3d(pad_same(x, (3, 3, 3), (1, 1, 1)), 3, 1)
        parts = [self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(pooled)]
        return torch.cat(parts, 1)


MIXED = {
    "3b": (64, 96, 128, 16, 32, 32), "3c": (128, 128, 192, 32, 96, 64),
    "4b": (192, 96, 208, 16, 48, 64), "4c": (160, 112, 224, 24, 64, 64),
    "4d": (128, 128, 256, 24, 64, 64), "4e": (112, 144, 288, 32, 64, 64),
    "4f": (256, 160, 320, 32, 128, 128), "5b": (256, 160, 320, 32, 128, 128),
    "5c": (384, 192, 384, 48, 128, 128),
}  # fmt: skip


class Logits(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.conv3d = nn.Conv3d(i, o, 1)


class I3D(nn.Module):
    def __init__(self, width=64, classes=7):
        super().__init__()
        self.Conv3d_1a_7x7 = Unit(3, width, (7, 7, 7), (2, 2, 2))
        self.Conv3d_2b_1x1 = Unit(width, width)
        self.Conv3d_2c_3x3 = Unit(width, 3 * width, (3, 3, 3))
        i = 3 * width
        for name, channels in MIXED.items():
            c = [max(1, width * n // 64) for n in channels]
            setattr(self, f"Mixed_{name}", Mixed(i, c))
            i = c[0] + c[2] + c[4] + c[5]
        self.logits = Logits(i, classes)

    def forward(self, x):
        def pool(x, k, s):
            return F.max_pool3d(pad_same(x, k, s), k, s)

        x = pool(self.Conv3d_1a_7x7(x), (1, 3, 3), (1, 2, 2))
        x = pool(self.Conv3d_2c_3x3(self.Conv3d_2b_1x1(x)), (1, 3, 3), (1, 2, 2))
        x = pool(self.Mixed_3c(self.Mixed_3b(x)), (3, 3, 3), (2, 2, 2))
        for name in ("4b", "4c", "4d", "4e", "4f"):
            x = getattr(self, f"Mixed_{name}")(x)
        x = pool(x, (2, 2, 2), (2, 2, 2))
        x = self.Mixed_5c(self.Mixed_5b(x))
        x = F.adaptive_avg_pool3d(x, 1)
        return self.logits.conv3d(x).flatten(1), x.flatten(1)


class P3DBlock(nn.Module):
    def __init__(self, i, planes, s, n, first):
        super().__init__()
        self.n = n
        if n is None:
            self.conv1, self.bn1 = nn.Conv2d(i, planes, 1, s, bias=False), nn.BatchNorm2d(planes)
            self.conv_normal = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
            self.bn_normal = nn.BatchNorm2d(planes)
            self.conv4 = nn.Conv2d(planes, 4 * planes, 1, bias=False)
            self.bn4 = nn.BatchNorm2d(4 * planes)
            skip = [nn.Conv2d(i, 4 * planes, 1, s, bias=False), nn.BatchNorm2d(4 * planes)]
        else:
            self.conv1, self.bn1 = conv(i, planes, 1, (1, s, s)), bn(planes)
            self.conv2, self.bn2 = conv(planes, planes, (1, 3, 3)), bn(planes)
            self.conv3, self.bn3 = conv(planes, planes, (3, 1, 1)), bn(planes)
            self.conv4, self.bn4 = conv(planes, 4 * planes, 1), bn(4 * planes)
            skip = [conv(i, 4 * planes, 1, (1, s, s)), bn(4 * planes)]
        self.downsample = nn.Sequential(*skip) if first else None

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        if self.n is None:
            y = F.relu(self.bn_normal(self.conv_normal(y)))
        else:
            s = F.relu(self.bn2(self.conv2(y)))
            t = F.relu(self.bn3(self.conv3(y if self.n % 3 == 1 else s)))
            y = t if self.n % 3 == 0 else s + t
        y = self.bn4(self.conv4(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class P3D63(nn.Module):
    def __init__(self, width=64, classes=7):
        super().__init__()
        self.conv1_custom, self.bn1 = conv(3, width, (1, 7, 7), (1, 2, 2)), bn(width)
        i, n = width, 0
        for layer, (size, factor) in enumerate(((3, 1), (4, 2), (6, 4), (3, 8))):
            blocks = []
            for b in range(size):
                s = 2 if layer and b == 0 else 1
                number = n if layer < 3 else None
                blocks.append(P3DBlock(i, factor * width, s, number, b == 0))
                i, n = 4 * factor * width, n + 1
            setattr(self, f"layer{layer + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(i, classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1_custom(x)))
        x = F.max_pool3d(x, (2, 3, 3), 2, (0, 1, 1))
        for layer in (self.layer1, self.layer2, self.layer3):
            x = F.max_pool3d(layer(x), (2, 1, 1), (2, 1, 1))
        x = self.layer4(x[:, :, 0]).mean((2, 3))
        return self.fc(x), x


NETWORKS = {
    "r3d_18": lambda **o: VideoResNet("r3d", **o),
    "mc3_18": lambda **o: VideoResNet("mc3", **o),
    "r2plus1d_18": lambda **o: VideoResNet("r2plus1d", **o),
    "hara_resnet18_b": lambda **o: HaraResNet18("b", **o),
    "hara_resnet18_a": lambda **o: HaraResNet18("a", **o),
    "c3d": C3D,
    "i3d": I3D,
    "p3d63": P3D63,
}
