"""Independent PyTorch statements of the networks that see single frames, published names.

Run by `make_golden.py` where PyTorch is; nothing here is imported by the tests.
"""

import torch.nn.functional as F
from torch import nn


def conv(i, o, k, s=1, p=None, bias=False):
    return nn.Conv2d(i, o, k, s, k // 2 if p is None else p, bias=bias)


class Basic(nn.Module):
    def __init__(self, i, o, s):
        super().__init__()
        self.conv1, self.bn1 = conv(i, o, 3, s), nn.BatchNorm2d(o)
        self.conv2, self.bn2 = conv(o, o, 3), nn.BatchNorm2d(o)
        self.downsample = None
        if i != o or s != 1:
            self.downsample = nn.Sequential(conv(i, o, 1, s), nn.BatchNorm2d(o))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class CaffeBottleneck(nn.Module):
    def __init__(self, i, p, s, first):
        super().__init__()
        self.conv1, self.bn1 = conv(i, p, 1, s), nn.BatchNorm2d(p)
        self.conv2, self.bn2 = conv(p, p, 3), nn.BatchNorm2d(p)
        self.conv3, self.bn3 = conv(p, 4 * p, 1), nn.BatchNorm2d(4 * p)
        self.downsample = None
        if first:
            self.downsample = nn.Sequential(conv(i, 4 * p, 1, s), nn.BatchNorm2d(4 * p))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn3(self.conv3(F.relu(self.bn2(self.conv2(y)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


def stage(i, o, s):
    return nn.Sequential(Basic(i, o, s), Basic(o, o, 1))


class ResNet18(nn.Module):
    """Without the classifier."""

    def __init__(self, width):
        super().__init__()
        self.conv1, self.bn1 = conv(3, width, 7, 2), nn.BatchNorm2d(width)
        self.layer1 = stage(width, width, 1)
        self.layer2 = stage(width, 2 * width, 2)
        self.layer3 = stage(2 * width, 4 * width, 2)
        self.layer4 = stage(4 * width, 8 * width, 2)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        return self.layer4(self.layer3(self.layer2(self.layer1(x)))).mean((2, 3))


def vgg(groups, width):
    layers, i = [], 3
    for group, o in zip(groups, (1, 2, 4, 8, 8), strict=True):
        for _ in range(group):
            layers += [conv(i, o * width, 3, bias=True), nn.ReLU()]
            i = o * width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)


class FrameRNN(nn.Module):
    def __init__(self, groups=None, cell=None, width=64, classes=7):
        super().__init__()
        d = 8 * width
        self.cnn = vgg(groups, width) if groups else ResNet18(width)
        if cell:
            self.rnn = {"lstm": nn.LSTM, "gru": nn.GRU}[cell](d, d, 2, batch_first=True)
        self.fc = nn.Linear(d, classes)
        self.cell = cell

    def forward(self, x):
        b, _, t = x.shape[:3]
        x = self.cnn(x.transpose(1, 2).flatten(0, 1))
        if x.ndim == 4:
            x = x.mean((2, 3))
        x = x.unflatten(0, (b, t))
        x = self.rnn(x)[0][:, -1] if self.cell else x.mean(1)
        return self.fc(x), x


class DFEWResLSTM(nn.Module):
    def __init__(self, width=64, classes=7, frames=16):
        super().__init__()
        self.conv1, self.bn1 = conv(3, width, 7, 2), nn.BatchNorm2d(width)
        i = width
        for n in range(4):
            p = width * 2**n
            blocks = [CaffeBottleneck(i, p, 2 if n else 1, True)]
            blocks.append(CaffeBottleneck(4 * p, p, 1, False))
            setattr(self, f"layer{n + 1}", nn.Sequential(*blocks))
            i = 4 * p
        self.LSTM = nn.LSTM(i, 4 * width, 3, batch_first=True)
        self.output = nn.Linear(frames * 4 * width, classes)

    def forward(self, x):
        b, _, t = x.shape[:3]
        x = x.transpose(1, 2).flatten(0, 1)
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 0, ceil_mode=True)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x)))).mean((2, 3))
        x = self.LSTM(x.unflatten(0, (b, t)))[0].flatten(1)
        return self.output(x), x


VGG = {"11": (1, 1, 2, 2, 2), "13": (2, 2, 2, 2, 2), "16": (2, 2, 3, 3, 3)}
NETWORKS = {
    "resnet18": FrameRNN,
    "resnet18_lstm": lambda **o: FrameRNN(None, "lstm", **o),
    "resnet18_gru": lambda **o: FrameRNN(None, "gru", **o),
    "vgg13": lambda **o: FrameRNN(VGG["13"], **o),
    "vgg16": lambda **o: FrameRNN(VGG["16"], **o),
    "vgg11_lstm": lambda **o: FrameRNN(VGG["11"], "lstm", **o),
    "vgg13_lstm": lambda **o: FrameRNN(VGG["13"], "lstm", **o),
    "vgg16_lstm": lambda **o: FrameRNN(VGG["16"], "lstm", **o),
    "dfew_reslstm": DFEWResLSTM,
}
