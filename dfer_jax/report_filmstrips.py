"""The report's filmstrips: what the model saw where it was most wrong and most right."""

import base64
from collections.abc import Callable, Sequence
from html import escape

import cv2
import numpy as np

from dfer_jax.errors import UserError
from dfer_jax.report_html import percent, protocol, section
from dfer_jax.report_inputs import Evaluation, Prediction

ReadFrames = Callable[[str], Sequence[bytes]]
"""Returns the frames of the clip with this `clip_id`: JPEG bytes in time order."""

_FRAMES = 8
_WRONG_STRIPS = 8
_MAX_BYTES = 20_000  # a larger picture is scaled down so that the page stays small
_SMALL_SIDE = 160  # pixels of the shorter side


def filmstrip_section(evaluation: Evaluation, read_frames: ReadFrames) -> str:
    """Returns the most confidently wrong clips and one confidently right clip of each class.

    Raises:
        UserError: if a frame cannot be decoded.
    """
    ranked = sorted(evaluation.predictions, key=lambda p: (-np.nan_to_num(p.confidence), p.clip_id))
    wrong = [p for p in ranked if not p.right][:_WRONG_STRIPS]
    right = [
        next((p for p in ranked if p.right and p.label == c), None) for c in evaluation.classes
    ]
    parts = []
    for heading, chosen in (("Most confidently wrong", wrong), ("Confidently right", right)):
        strips = "".join(_strip(p, read_frames(p.clip_id)) for p in chosen if p)
        parts.append(f"<h3>{heading}</h3><div class='strips'>{strips or '<p>None.</p>'}</div>")
    return section(
        "Clips",
        f"{protocol(evaluation)}. {_FRAMES} frames spread over each clip, in time order.",
        "".join(parts),
    )


def _strip(prediction: Prediction, frames: Sequence[bytes]) -> str:
    """Returns one clip as a row of pictures with its truth and prediction."""
    chosen = np.linspace(0, len(frames) - 1, _FRAMES).round().astype(int) if frames else []
    images = "".join(
        f"<img alt='' src='data:image/jpeg;base64,{_small(frames[i], prediction.clip_id)}'>"
        for i in chosen
    )
    said = f"{escape(prediction.prediction)} {percent(prediction.confidence)}"
    peak = prediction.peak_intensity
    strength = f"<span>peak intensity {peak:.2f}</span>" if np.isfinite(peak) else ""
    kind = "hit" if prediction.right else "miss"
    return (
        f"<figure><div class='strip'>{images}</div><figcaption>"
        f"<span>truth <strong>{escape(prediction.label)}</strong></span>"
        f"<span class='{kind}'>predicted <strong>{said}</strong></span>{strength}"
        f"<span class='id'>{escape(prediction.clip_id)}</span></figcaption></figure>"
    )


def _small(jpeg: bytes, clip_id: str) -> str:
    """Returns the picture in base64, as it is when small and scaled down when not."""
    if len(jpeg) > _MAX_BYTES:
        image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        if image is None:
            raise UserError(
                f"a frame of clip {clip_id!r} is no readable JPEG; build the data again"
            )
        scale = _SMALL_SIDE / min(image.shape[:2])
        if scale < 1:
            image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
    return base64.b64encode(jpeg).decode("ascii")
