import random

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from benchmarks.input import torch_style_loader as loader  # noqa: E402


def pictures(count=3, side=40):
    rng = np.random.default_rng(0)
    smooth = rng.integers(0, 256, (count, side // 8, side // 8, 3)).repeat(8, 1).repeat(8, 2)
    return [Image.fromarray(one.astype(np.uint8)) for one in smooth]


@pytest.fixture
def folder(tmp_path):
    for i in range(20):
        shade = np.full((40, 40, 3), 10 * i, np.uint8)
        Image.fromarray(shade).save(tmp_path / f"00001_{i + 1:05d}.jpg", quality=95)
    return str(tmp_path)


@pytest.mark.parametrize("train", [True, False])
def test_items_are_clips_in_temporal_order(folder, train):
    random.seed(0)
    clips = loader.FolderClips([folder], [4], [20], image_size=24, train=train)
    clip, label = clips[0]
    assert clip.shape == (16, 3, 24, 24) and clip.dtype == torch.float32 and label == 4
    assert clip.min() >= 0 and clip.max() <= 1
    middle = clip[:, :, 8:16, 8:16].mean((1, 2, 3)).numpy()  # augmentation leaves no corner there
    assert (np.diff(middle) > -1e-3).all() and middle[-1] > middle[0]
    if not train:
        frames = [0, 1, 3, 4, 5, 6, 8, 9, 10, 11, 13, 14, 15, 16, 18, 19]  # the released rule
        np.testing.assert_allclose(middle, np.array(frames) * 10 / 255, atol=2 / 255)


def test_one_crop_for_all_pictures_of_the_right_area(monkeypatch):
    boxes = []
    monkeypatch.setattr(
        Image.Image, "crop", lambda self, box: boxes.append(box) or self.resize((9, 9), box=box)
    )
    random.seed(0)
    for _ in range(50):
        assert [p.size for p in loader.random_resized_crop(pictures(), 9)] == [(9, 9)] * 3
    boxes = np.array(boxes).reshape(-1, 3, 4)
    assert (boxes == boxes[:, :1]).all() and len(boxes) > 30  # some draws fit no crop
    left, top, right, bottom = boxes[:, 0].T
    assert left.min() >= 0 and top.min() >= 0 and right.max() <= 40 and bottom.max() <= 40
    assert ((right - left) * (bottom - top) >= 0.82 * 40 * 40).all()
    assert len(np.unique(boxes)) > 5


def test_tensor_of_pictures():
    given = pictures()
    clip = loader.to_tensor(given)
    assert clip.shape == (3, 3, 40, 40)
    expected = np.stack([np.asarray(one) for one in given]).transpose(0, 3, 1, 2) / 255
    np.testing.assert_allclose(clip.numpy(), expected, atol=1e-6)


def test_brightness_and_rotation_are_those_of_one_clip():
    random.seed(1)
    clip = torch.full((4, 3, 32, 32), 0.5)
    factors = [float(loader.brighten(clip).mean() / 0.5) for _ in range(200)]
    assert 0.4 <= min(factors) < 0.45 and 1.55 < max(factors) <= 1.6
    line = torch.zeros((4, 3, 101, 101))
    line[:, :, 50] = 1
    turned = [loader.rotate(line) for _ in range(100)]
    assert all((one == one[:1]).all() for one in turned)
    ends = [np.subtract(*one[0, 0, :, [5, 95]].argmax(0).tolist()) / 90 for one in turned]
    degrees = np.degrees(np.arctan(ends))
    assert 3 < degrees.max() < 4.7 and -4.7 < degrees.min() < -3


@pytest.mark.parametrize("num_workers", [0, 1])
def test_batches_go_on_after_an_epoch(folder, num_workers):
    clips = loader.FolderClips([folder] * 5, range(5), [20] * 5, image_size=16)
    batches = loader.batches(clips, batch_size=2, num_workers=num_workers)
    labels = [next(batches)[1].tolist() for _ in range(4)]
    assert all(len(set(pair)) == 2 for pair in labels)
    assert len({*labels[0], *labels[1]}) == 4  # the fifth clip is dropped, as released
    batches.close()
