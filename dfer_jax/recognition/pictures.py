"""Checks pictures that come from a caller's own code."""

import numpy as np
from jaxtyping import UInt8

from dfer_jax.errors import UserError

_BLUER = 15  # levels by which a face is bluer than red only if its channels are swapped


def check_rgb(frames: object, *, what: str) -> UInt8[np.ndarray, "t h w 3"]:
    """Returns frames if they are RGB uint8 [t, h, w, 3], t >= 1.

    Args:
        frames: of any kind; a single picture [h, w, 3] is refused too.
        what: name of the argument, for messages.

    Raises:
        UserError: saying how to mend what is wrong with type, shape or channels.
    """
    if not isinstance(frames, np.ndarray):
        raise UserError(
            f"{what} is a {type(frames).__name__}; give a NumPy array: numpy.stack(list_of_frames)"
        )
    if frames.ndim == 3 and frames.shape[-1] in (3, 4):
        raise UserError(
            f"{what} is a single picture {frames.shape}; give {what}[None], [t, h, w, 3]"
        )
    if frames.ndim != 4 or 0 in frames.shape:
        raise UserError(f"{what} has shape {frames.shape}; it must be [t, h, w, 3], t at least 1")
    if frames.shape[-1] == 4:
        raise UserError(f"{what} has 4 channels; drop the last one, alpha: {what}[..., :3]")
    if frames.shape[-1] != 3:
        hint = f"; move the channels last: {what}.transpose(0, 2, 3, 1)"
        hint = hint if frames.shape[1] == 3 else "; grey pictures: numpy.repeat(..., 3, axis=-1)"
        raise UserError(f"{what} has shape {frames.shape}; it must be [t, h, w, 3]{hint}")
    if frames.dtype != np.uint8:
        raise UserError(
            f"{what} is {frames.dtype}; give uint8, 0 to 255: (255 * x).round().astype('uint8') if "
            "its values are in [0, 1]"
        )
    return frames


def refuse_bgr(faces: UInt8[np.ndarray, "t h w 3"], *, what: str) -> None:
    """Refuses face crops whose middle is plainly bluer than red, which no lit skin is.

    Raises:
        UserError: saying how to swap the channels, or to insist.
    """
    height, width = faces.shape[1:3]
    middle = faces[:, height // 4 : -(height // 4) or None, width // 4 : -(width // 4) or None]
    red, _, blue = middle.reshape(-1, 3).mean(axis=0)
    if blue - red > _BLUER:
        raise UserError(
            f"{what} look like BGR, OpenCV's order (the middle is {blue - red:.0f} levels bluer "
            f"than red); turn them: {what}[..., ::-1], or say sure_rgb=True"
        )
