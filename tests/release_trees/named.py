"""Writes clips that are known by their names, as videos or as folders of frames."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import dfew_tree
import numpy as np

FRAMES = 3


class Codes:
    """Numbers a release's names, so that pixels can say them (14 bits)."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = sorted(names)
        self._numbers = {name: number for number, name in enumerate(self._names)}

    def write_video(self, path: Path, name: str, *, frames: int = FRAMES, codec="mpeg4") -> None:
        """Writes a video of the clip, 96x64 pixels."""
        dfew_tree.write_video(path, self._numbers[name], frames, codec=codec)

    def write_frames(
        self, folder: Path, name: str, *, frames: int = FRAMES, form: str, first: int = 1
    ) -> None:
        """Writes a folder of frames; `form` is their file name with a place for the number."""
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(1, frames + 1):
            path = folder / form.format(number - 1 + first)
            data = dfew_tree.encode(self._numbers[name], number, suffix=path.suffix)
            path.write_bytes(data)

    def read(self, frames: Sequence[np.ndarray], *, video: bool) -> list[tuple[str, int]]:
        """Returns (name, frame number) of decoded frames."""
        decode = dfew_tree.decode_video_frame if video else dfew_tree.decode
        codes = [decode(frame) for frame in frames]
        return [(self._names[clip], number) for clip, number in codes]


def touch(paths: Mapping[str, Path] | Sequence[Path]) -> None:
    """Writes empty files, for what looks at names alone."""
    for path in paths.values() if isinstance(paths, Mapping) else paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
