"""Checks pictures that come from a caller's own code."""

from pathlib import Path

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
        raise UserError(_no_array(frames, what))
    if frames.dtype == object:
        raise UserError(f"{what} holds objects, as pictures of unequal size do; resize them alike")
    if frames.ndim != 4 or 0 in frames.shape or frames.shape[-1] != 3:
        raise UserError(f"{what} {_wrong_shape(frames.shape, what)}")
    if frames.dtype != np.uint8:
        how = _to_bytes(frames, what)
        raise UserError(f"{what} is {frames.dtype}; give uint8, 0 to 255: {how}")
    return frames


def _no_array(frames: object, what: str) -> str:
    kind = type(frames).__name__
    first = frames[0] if isinstance(frames, list | tuple) and frames else frames
    if isinstance(first, str | Path):
        return f"{what} is a {kind} that names files; they go to Recognizer.video"
    if frames is None:
        return f"{what} is None, OpenCV's answer to what it cannot read; give a NumPy array"
    if isinstance(frames, list | tuple):
        return f"{what} is a {kind}; give a NumPy array: numpy.stack({what})"
    if hasattr(frames, "detach"):
        return f"{what} is a {kind}; give a NumPy array: {what}.detach().cpu().numpy()"
    return f"{what} is a {kind}; give a NumPy array: numpy.asarray({what})"


def _wrong_shape(shape: tuple[int, ...], what: str) -> str:
    """Returns what is wrong with a shape, and how to mend it if that can be told."""
    wanted = f"has shape {shape}; it must be [t, h, w, 3]"
    if 0 in shape:
        return f"{wanted}, t at least 1"
    if len(shape) == 5:
        return f"is a batch of {shape[0]} clips {shape}; give one clip: {what}[0]"
    if len(shape) == 4 and shape[-1] == 4:
        return f"has 4 channels; drop the last one, alpha: {what}[..., :3]"
    if len(shape) == 3 and shape[-1] in (3, 4):
        alpha = ", ..., :3" if shape[-1] == 4 else ""
        return f"is a single picture {shape}; give {what}[None{alpha}], [t, h, w, 3]"
    if len(shape) == 4 and 3 in shape[:2]:
        axes = "0, 2, 3, 1" if shape[1] == 3 else "1, 2, 3, 0"
        return f"{wanted}; move the channels last: {what}.transpose({axes})"
    if len(shape) == 3 and shape[0] == 3:
        return f"{wanted}; one picture, channels first: {what}.transpose(1, 2, 0)[None]"
    grey = {2: f"{what}[None, ..., None]", 3: f"{what}[..., None]", 4: what}
    if len(shape) in (2, 3) or shape[3:] == (1,):
        return f"{wanted}; grey pictures: numpy.repeat({grey[len(shape)]}, 3, axis=-1)"
    return wanted


def _to_bytes(frames: np.ndarray, what: str) -> str:
    """Returns what makes uint8 of these values, as far as they say what they are."""
    if frames.dtype == bool:
        return f"255 * {what}.astype('uint8')"
    low, high = frames.min(), frames.max()
    if not np.isfinite([low, high]).all():
        return "some of its values are not finite"
    if low < 0:
        return f"its values begin at {low:g}, so undo the normalisation by mean and deviation first"
    if high <= 1 and frames.dtype.kind == "f":
        return f"(255 * {what}).round().astype('uint8')"
    if high <= 255:
        return f"{what}.round().astype('uint8')"
    return f"its values reach {high:g}, so ({what} / 257).round().astype('uint8') if 65535 is white"


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
