"""A loader in the manner of the released PyTorch code of GCA+IAL, to measure ours against.

Reads JPEG files from the release's folders as that code does (github.com/muse1998/
IAL-for-Facial-Expression-Recognition at commit 39a24b6, whose loader is that of Former-DFER with
two augmentations added), written anew: list the folder, open 16 frames with Pillow, convert to RGB,
crop and resize each frame to 112 x 112, mirror, stack, divide by 255, brighten, rotate; by a
`DataLoader` of worker processes that get a clip at a time.

Deviates: brightness and rotation are the tensor operations torchvision makes of them, without its
checks and its mask channel, so this loader is a little faster than the released one.
"""

import glob
import math
import os
import random
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from PIL import Image

from dfer_jax.data.sampling import sample_frames

FRAMES = 16
Pictures = list[Image.Image]


class FolderClips(torch.utils.data.Dataset):
    """Clips in folders of JPEG files; an item is (float32 [16, 3, s, s] in [0, 1], label)."""

    def __init__(
        self,
        folders: Sequence[str],
        labels: Sequence[int],
        num_frames: Sequence[int],
        *,
        image_size: int = 112,
        train: bool = True,
    ):
        """Takes the lists of the release: folder, label and number of frames of each clip."""
        self._folders, self._labels, self._num_frames = folders, labels, num_frames
        self._image_size, self._train = image_size, train

    def __len__(self) -> int:
        return len(self._folders)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        paths = sorted(glob.glob(os.path.join(self._folders[index], "*.jpg")))
        rng = np.random.default_rng(random.getrandbits(64)) if self._train else None
        wanted = sample_frames(self._num_frames[index], segments=FRAMES, policy="official", rng=rng)
        pictures = [Image.open(paths[i]).convert("RGB") for i in wanted]
        if not self._train:
            return to_tensor(resize(pictures, self._image_size)), self._labels[index]
        clip = to_tensor(mirror(random_resized_crop(pictures, self._image_size)))
        return rotate(brighten(clip)), self._labels[index]


def random_resized_crop(
    pictures: Pictures,
    size: int,
    *,
    area: tuple[float, float] = (0.85, 1.0),
    ratio: tuple[float, float] = (3 / 5, 5 / 3),
) -> Pictures:
    """Cuts the same random window out of all pictures and resizes it; ten tries, as released."""
    width, height = pictures[0].size
    for _ in range(10):
        wanted = width * height * random.uniform(*area)
        shape = random.uniform(*ratio)
        w, h = round(math.sqrt(wanted * shape)), round(math.sqrt(wanted / shape))
        if random.random() < 0.5:
            w, h = h, w
        if w <= width and h <= height:
            left, top = random.randint(0, width - w), random.randint(0, height - h)
            box = (left, top, left + w, top + h)
            return resize([picture.crop(box) for picture in pictures], size)
    return resize(pictures, size)  # of a square picture, the release's fallback crops nothing


def resize(pictures: Pictures, size: int) -> Pictures:
    """Resizes all pictures to a square, bilinear with Pillow's smoothing."""
    return [picture.resize((size, size), Image.Resampling.BILINEAR) for picture in pictures]


def mirror(pictures: Pictures) -> Pictures:
    """Mirrors all pictures left and right with probability 1/2."""
    if random.random() < 0.5:
        return [picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for picture in pictures]
    return pictures


def to_tensor(pictures: Pictures) -> torch.Tensor:
    """Stacks t pictures along the channels and returns float32 [t, 3, h, w] in [0, 1]."""
    stacked = torch.from_numpy(np.concatenate([np.asarray(picture) for picture in pictures], 2))
    channels_first = stacked.permute(2, 0, 1).contiguous()
    return channels_first.to(torch.float32).div(255).reshape(-1, 3, *channels_first.shape[1:])


def brighten(clip: torch.Tensor, strength: float = 0.6) -> torch.Tensor:
    """Multiplies a clip by a factor uniform in 1 plus or minus `strength` and clamps it."""
    return (clip * random.uniform(1 - strength, 1 + strength)).clamp(0, 1)


def rotate(clip: torch.Tensor, max_degrees: float = 4.0) -> torch.Tensor:
    """Rotates all frames by one random angle: nearest pixel, black corners (torchvision's)."""
    angle = math.radians(random.uniform(-max_degrees, max_degrees))
    cos, sin = math.cos(angle), math.sin(angle)
    matrix = torch.tensor([[[cos, -sin, 0.0], [sin, cos, 0.0]]])
    grid = torch.nn.functional.affine_grid(matrix, [1, *clip.shape[1:]], align_corners=False)
    grid = grid.expand(len(clip), -1, -1, -1)  # computed once for all frames
    return torch.nn.functional.grid_sample(clip, grid, mode="nearest", align_corners=False)


def batches(
    dataset: FolderClips, *, batch_size: int, num_workers: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yields shuffled batches, epoch after epoch, by the release's `DataLoader`."""
    loader = torch.utils.data.DataLoader(
        dataset,
        batch_size=batch_size,
        shuffle=True,
        num_workers=num_workers,
        pin_memory=torch.cuda.is_available(),
        drop_last=True,
    )
    while True:
        yield from loader
