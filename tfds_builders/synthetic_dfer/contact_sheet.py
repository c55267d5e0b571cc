"""Draws a picture of every class at growing intensity, to judge the expressions by eye.

python -m tfds_builders.synthetic_dfer.contact_sheet --out sheet.png
python -m tfds_builders.synthetic_dfer.contact_sheet --out clips.png --clips 12
"""

import cv2
import numpy as np
from absl import flags

from dfer_jax.errors import UserError, run
from dfer_jax.labels import CLASSES
from tfds_builders.synthetic_dfer import clips

_OUT = flags.DEFINE_string("out", "contact_sheet.png", "Picture to write (.png or .jpg).")
_CLIPS = flags.DEFINE_integer(
    "clips", 0, "Draw so many whole clips, one a row, instead of apex frames.", lower_bound=0
)
_SEED = flags.DEFINE_integer("seed", 0, "Another number, other people.", lower_bound=0)

_INTENSITIES = (0.15, 0.15, 0.4, 0.4, 0.7, 0.7, 1.0, 1.0, 1.0)
_ZOOM = 1.5  # of the frames, for the reader's comfort


def _decode(jpeg: bytes, text: str) -> np.ndarray:
    """Returns a frame, enlarged, with a caption below: uint8 BGR."""
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    image = cv2.resize(image, None, fx=_ZOOM, fy=_ZOOM, interpolation=cv2.INTER_CUBIC)
    image = cv2.copyMakeBorder(image, 2, 16, 2, 2, cv2.BORDER_CONSTANT, value=(255, 255, 255))
    place = (4, image.shape[0] - 4)
    cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
    return image


def apex_sheet(seed: int) -> np.ndarray:
    """Returns the apex frames of every class (rows) at growing intensity (columns), uint8 BGR."""
    rows = []
    for label, name in enumerate(CLASSES):
        row = []
        for column, intensity in enumerate(_INTENSITIES):
            peak = 0.0 if name == "neutral" else intensity
            plan = clips.ClipPlan(
                clip_id=f"{name}_{column}",
                seed_name=f"contact_sheet_{seed}",
                label=label,
                clean_label=label,
                identity=len(_INTENSITIES) * label + column,
                frames=12,
                peak_intensity=peak,
                nuisance=1.0,
            )
            example = clips.make_clip(plan)
            row.append(_decode(example["frames"][example["apex"]], f"{name} {peak:.2f}"))
        rows.append(np.hstack(row))
    return np.vstack(rows)


def clip_sheet(seed: int, count: int) -> np.ndarray:
    """Returns `count` clips, one a row, ten frames of each, uint8 BGR."""
    split = clips.SplitPlan(
        seed_name=f"contact_sheet_{seed}",
        split="clips",
        clips=count,
        identities=range(1000),
        shares=(1.0,) * len(CLASSES),
        frames=(12, 32),
        peaks=((1.0, (0.1, 1.0)),),
        label_noise=0.0,
        nuisance=1.0,
    )
    rows = []
    for plan in clips.plan_clips(split):
        example = clips.make_clip(plan)
        shown = np.linspace(0, plan.frames - 1, 10).round().astype(int)
        name = CLASSES[plan.label]
        row = [
            _decode(example["frames"][i], f"{name} {i} {example['intensity'][i]:.2f}")
            for i in shown
        ]
        rows.append(np.hstack(row))
    return np.vstack(rows)


def main(argv: list[str]) -> None:
    """Writes the picture."""
    del argv
    sheet = clip_sheet(_SEED.value, _CLIPS.value) if _CLIPS.value else apex_sheet(_SEED.value)
    try:
        written = cv2.imwrite(_OUT.value, sheet)
    except cv2.error:
        written = False
    if not written:
        raise UserError(f"cannot write {_OUT.value!r}; give a .png in a folder you may write to")
    print(f"wrote {_OUT.value} ({sheet.shape[1]} x {sheet.shape[0]} pixels)")


if __name__ == "__main__":
    run(main)
