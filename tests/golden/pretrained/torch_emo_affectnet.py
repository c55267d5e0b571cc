"""EMO-AffectNet's networks in PyTorch, with the names of the released weights.

The ResNet-50 of Keras-VGGFace reads every frame; two LSTMs read what it found. Clips come as
[b, 3, t, h, w], RGB in [0, 1]; logits and features go.
"""

import torch
import torch.nn.functional as F
from torch import nn


def norm(c):
    return nn.BatchNorm2d(c, eps=1e-3)


class Bottleneck(nn.Module):
    """Strides on the first of three convolutions, and on the shortcut's."""

    def __init__(self, i, planes, s):
        super().__init__()
        o = 4 * planes
        self.conv1, self.batch_norm1 = nn.Conv2d(i, planes, 1, s, bias=False), norm(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.conv3, self.batch_norm3 = nn.Conv2d(planes, o, 1, bias=False), norm(o)
        self.batch_norm2, self.i_downsample = norm(planes), None
        if i != o or s != 1:
            self.i_downsample = nn.Sequential(nn.Conv2d(i, o, 1, s, bias=False), norm(o))

    def forward(self, x):
        y = F.relu(self.batch_norm1(self.conv1(x)))
        y = F.relu(self.batch_norm2(self.conv2(y)))
        y = self.batch_norm3(self.conv3(y))
        return F.relu(y + (x if self.i_downsample is None else self.i_downsample(x)))


class Static(nn.Module):
    """What it says of a clip is the mean over the frames."""

    def __init__(self, width=64, classes=7):
        super().__init__()
        self.conv_layer_s2_same = nn.Conv2d(3, width, 7, 2, bias=False)
        self.batch_norm1, i = norm(width), width
        for n, blocks in enumerate((3, 4, 6, 3)):
            stage, planes = nn.Sequential(), width * 2**n
            for block in range(blocks):
                stage.append(Bottleneck(i, planes, 2 if n and not block else 1))
                i = 4 * planes
            setattr(self, f"layer{n + 1}", stage)
        self.fc1, self.fc2 = nn.Linear(i, 8 * width), nn.Linear(8 * width, classes)
        means = torch.tensor([91.4953, 103.8827, 131.0912]).view(3, 1, 1)
        self.register_buffer("means", means, persistent=False)

    def frame_features(self, x):  # [b, t, d]
        x = x.transpose(1, 2)
        b, t, _, h, w = x.shape
        x = 255 * x.flip(2).flatten(0, 1) - self.means  # blue first
        x = F.pad(x, [*self.same(w), *self.same(h)])
        x = F.max_pool2d(F.relu(self.batch_norm1(self.conv_layer_s2_same(x))), 3, 2)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x)))).mean((2, 3))
        return F.relu(self.fc1(x)).unflatten(0, (b, t))

    @staticmethod
    def same(side):
        """TensorFlow's padding of a 7x7 kernel at stride 2: the odd one is behind."""
        total = 5 + side % 2
        return total // 2, total - total // 2

    def forward(self, x):
        x = self.frame_features(x).mean(1)
        return self.fc2(x), x


class Dynamic(Static):
    def __init__(self, width=64, classes=7):
        super().__init__(width, classes)
        self.lstm1 = nn.LSTM(8 * width, 8 * width, batch_first=True)
        self.lstm2 = nn.LSTM(8 * width, 4 * width, batch_first=True)
        self.fc = nn.Linear(4 * width, classes)

    def of_features(self, x):  # [b, t, d]
        x = self.lstm2(self.lstm1(x)[0])[0][:, -1]
        return self.fc(x), x

    def forward(self, x):
        return self.of_features(self.frame_features(x))


NETWORKS = {"emo_affectnet": Dynamic, "emo_affectnet_static": Static}
