"""Finds clips that show the same frames: copies that were re-encoded, resized, brightened or cut.

Aligned faces all look alike, so the hash has to tell two moments of one face apart. A frame's hash
is the sign of 256 low frequencies (DCT) against their median. Measured on real faces of 224 pixels,
at the median frame: copies (JPEG quality 30 and up, brightness +-10 %, side 112 to 256, up to 8
frames cut off) are 0 to 8 bits away, copies shrunk to 90 pixels up to 16, different clips of one
shot 22 or more (1 % below 28), clips of other people 88 or more.

Two steps keep it fast. Every pair of clips is compared by five frames of each, every one with every
one; pairs of which two agree roughly are compared by all their frames. So clips are found that
share half of the shorter one's frames or more, all but a few per cent of them. Not found: mirrored
or rotated copies and other crops.
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from jaxtyping import Int64, UInt8, UInt64

LARGEST_DISTANCE = 16
"""Bits (of 256) at the median frame up to which two clips are called near-duplicates."""
WORDS = 4
"""Words of 64 bits in a hash."""
_BITS = 64 * WORDS
_NEAR = 48  # bits between two of the five frames that make a pair worth a closer look
_POSITIONS = (
    1 / 16,
    1 / 4,
    1 / 2,
    3 / 4,
    15 / 16,
)  # of the five frames, as shares of the clip's length
_MOST_PAIRS = 200_000  # looked at closely; more agree only if most of the frames are one picture
_FLATTEST = 2.0  # grey levels of standard deviation; less is a frame without a picture
_ROWS = 16  # clips compared with all others at a time


@dataclasses.dataclass(frozen=True)
class Pair:
    """Two clips that share frames: their positions in the list, and how many bits apart they are.

    `distance` is the median, over the frames of the shorter clip, of the bits (0..256) between the
    frame and the nearest frame of the other clip.
    """

    first: int
    second: int
    distance: float


def frame_hash(picture: UInt8[np.ndarray, "h w"]) -> UInt64[np.ndarray, "4"]:
    """Returns 256 bits that hardly change when a picture is re-encoded, resized or brightened.

    Args:
        picture: grey; at least 32 pixels a side, else details are missing.

    Returns:
        half of the bits set; none for a picture without contrast, which equals no other.
    """
    small = cv2.resize(picture, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    if small.std() < _FLATTEST:
        return np.zeros(WORDS, np.uint64)
    low = cv2.dct(small)[:16, :16].ravel()
    return np.packbits(low > np.median(low[1:])).view(np.uint64)


def sample_frames(num_frames: int) -> list[int]:
    """Returns the indices of the five frames that stand for a clip in the first comparison."""
    return [min(num_frames - 1, int(share * num_frames)) for share in _POSITIONS]


def find_candidates(
    samples: UInt64[np.ndarray, "clips 5 4"], splits: Sequence[str], *, threads: int = 1
) -> tuple[Int64[np.ndarray, "pairs 2"], bool]:
    """Returns pairs of clips of different splits of which two sampled frames agree roughly.

    Args:
        samples: hashes of the five frames of each clip.
        splits: the split of each clip.
        threads: that compare at once.

    Returns:
        positions of the two clips of each pair, the lower one first; whether there were so many
        that only the closest were kept.
    """
    codes = np.unique(np.asarray(splits, dtype=str), return_inverse=True)[1]
    order = np.argsort(codes, kind="stable")  # split by split, so that what follows is of others
    words = np.ascontiguousarray(samples[order].transpose(1, 2, 0))  # [5, words, clips]
    ends = np.cumsum(np.bincount(codes)) if len(codes) else ()
    blocks = [
        (slice(start, min(start + _ROWS, end)), slice(end, len(codes)))
        for begin, end in zip((0, *ends), ends, strict=False)
        for start in range(begin, end, _ROWS)
    ]
    found, cut = np.empty((0, 3), np.int64), False
    with ThreadPoolExecutor(threads) as pool:
        for some in pool.map(functools.partial(_near_pairs, words), blocks):
            found = np.concatenate([found, some])
            if len(found) > _MOST_PAIRS:
                found = found[np.argsort(found[:, 2], kind="stable")[:_MOST_PAIRS]]
                cut = True
    pairs = np.sort(order[found[:, :2]], axis=1)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))], cut


def _near_pairs(words: np.ndarray, block: tuple[slice, slice]) -> np.ndarray:
    """Compares the clips of two ranges; returns rows of first, second, bits apart."""
    rows, columns = block
    best = np.full((rows.stop - rows.start, columns.stop - columns.start), _BITS, np.uint16)
    for one, other in itertools.product(words, words):
        bits = np.zeros(best.shape, np.uint16)
        for first, second in zip(one, other, strict=True):
            bits += np.bitwise_count(first[rows, None] ^ second[None, columns])
        bits[~one[:, rows].any(axis=0)] = _BITS  # two frames without a picture do not agree
        np.minimum(best, bits, out=best)
    near = best <= _NEAR
    pairs = np.argwhere(near) + np.array([rows.start, columns.start])
    return np.concatenate([pairs, best[near].astype(np.int64)[:, None]], axis=1)


def confirm(
    pairs: Iterable[Sequence[int]], *, hashes: Callable[[int], UInt64[np.ndarray, "t 4"]]
) -> Iterator[Pair]:
    """Yields the pairs whose clips share at least half of the shorter one's frames.

    Args:
        pairs: positions of two clips each.
        hashes: gives the hashes of all frames of a clip.
    """
    for first, second in pairs:
        distance = clip_distance(hashes(int(first)), hashes(int(second)))
        if distance <= LARGEST_DISTANCE:
            yield Pair(int(first), int(second), distance)


def clip_distance(first: UInt64[np.ndarray, "t 4"], second: UInt64[np.ndarray, "u 4"]) -> float:
    """Returns how far two clips are apart, in bits of 256, see `Pair`."""
    first, second = (frames[frames.any(axis=1)] for frames in (first, second))
    if not len(first) or not len(second):
        return float(_BITS)
    shorter, longer = sorted((first, second), key=len)
    bits = np.bitwise_count(shorter[:, None] ^ longer[None]).sum(axis=-1, dtype=np.int64)
    return float(np.median(bits.min(axis=1)))
