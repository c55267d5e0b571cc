"""A release of one's own for `video_folder`: folders of small pictures and their table."""

import clip_dataset
import numpy as np

LABELS = ("happiness", "sadness", "anger")


def write(root, *, train=9, test=3, frames=3, labels=LABELS):
    """Writes `labels.csv` and a folder of JPEG pictures for each clip; returns the folder."""
    rows = ["path,label,split"]
    for number in range(train + test):
        name = f"clip{number:03d}"
        (root / name).mkdir(parents=True)
        for frame in range(frames):
            (root / name / f"{frame}.jpg").write_bytes(clip_dataset.jpeg_of(number, frame))
        split = "train" if number < train else "test"
        rows.append(f"{name},{labels[number % len(labels)]},{split}")
    (root / "labels.csv").write_text("\n".join(rows) + "\n")
    return root


def fields(data_dir, dataset, **changes):
    """Returns a tiny experiment on it, as arguments of a command: 4 frames of 16 x 16."""
    values = {
        "data.dataset": dataset,
        "data.data_dir": str(data_dir),
        "data.segments": 4,
        "data.decode_size": 16,
        "data.validation_split": "",
        "model.image_size": 16,
        "model.width": 4,
        "model.reduction": 4,
        "train.batch_size": 4,
        "train.epochs": 1,
        "eval.batch_size": 4,
    } | changes
    return [f"--config.{name}={value}" for name, value in values.items()]


def state_dict():
    """Returns weights of GCA+IAL as its official code names them, small numbers by the seed."""
    from golden import gca_ial_recipe as recipe

    golden = np.load("tests/golden/gca_ial.npz")
    shapes = {
        str(name): tuple(int(n) for n in shape.split())
        for name, shape in zip(golden["names"], golden["shapes"], strict=True)
    }
    return recipe.make_state_dict(shapes)
