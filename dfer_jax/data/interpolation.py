"""Time interpolation (TIM): a clip of any length becomes one of T frames, each a blend of all.

Zhou, Zhao and Pietikainen (CVPR 2011) lay the frames of a clip on the curve to which the Laplacian
of their chain maps them, and read new frames off that curve. The eigenvectors of a chain are the
cosines of the DCT-II, so for frames none of which is a blend of others a new one at place x, the
first frame being 1 and the last n, is

    sum_j w_j(x) frame_j,    w_j(x) = 1/n + 2/n sum_{k=1}^{n-1} c_k(x) c_k(j),
    c_k(x) = cos(pi k (2 x - 1) / (2 n)),

which gives frame j back at x = j. The T frames lie evenly from the first to the last.

Deviates: frames that are blends of others keep these weights, where the paper's code leaves out
directions without variance.
"""

import functools

import numpy as np
from jaxtyping import Float32, UInt8


@functools.lru_cache(maxsize=1024)
def interpolation_weights(num_frames: int, length: int) -> Float32[np.ndarray, "t n"]:
    """Returns how much each of the n frames of a clip counts in each of T new ones; rows sum to 1.

    Args:
        num_frames: n, at least 1.
        length: T.
    """
    n = num_frames
    frequencies, places = np.arange(1, n), np.linspace(1, n, length)
    there, here = (
        np.cos(np.pi * frequencies * (2 * x[:, None] - 1) / (2 * n))
        for x in (np.arange(1, n + 1), places)
    )
    weights = ((1 + 2 * here @ there.T) / n).astype(np.float32)
    weights.setflags(write=False)  # the cache hands it out again
    return weights


def interpolate(
    pictures: UInt8[np.ndarray, "n h w 3"], length: int
) -> UInt8[np.ndarray, "{length} h w 3"]:
    """Returns T frames evenly from the first to the last, rounded and cut to 0..255."""
    weights = interpolation_weights(len(pictures), length)
    blended = weights @ pictures.reshape(len(pictures), -1).astype(np.float32)
    whole = np.clip(np.rint(blended), 0, 255).astype(np.uint8)
    return whole.reshape(length, *pictures.shape[1:])
