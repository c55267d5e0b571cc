"""How a clip becomes the input of a network in time: part of its preprocessing, stored with it."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int64, UInt8
from ml_collections import ConfigDict

from dfer_jax.data.interpolation import interpolate
from dfer_jax.data.sampling import POLICIES, sample_frames
from dfer_jax.errors import UserError

AVERAGES = ("probabilities", "logits")
WITH_VIEWS = ("uniform", "strided")
FRAMES_PER_SECOND = 25
"""Rate at which a frame step counts the frames of a video, whatever the video's own rate is."""


@dataclasses.dataclass(frozen=True)
class FrameProtocol:
    """The frames of a clip that a network sees, and how its answers to several views are one.

    Attributes:
        segments: U; with `frames_per_segment` the frames of a view, T = U * V.
        frames_per_segment: V.
        sampling: policy of `sampling.sample_frames`.
        frame_step: r of "strided": every r-th frame.
        test_views: of each clip at test; training draws one.
        view_average: what is averaged over them, "probabilities" or "logits".
    """

    segments: int
    frames_per_segment: int = 1
    sampling: str = "uniform"
    frame_step: int = 1
    test_views: int = 1
    view_average: str = "probabilities"

    def __post_init__(self) -> None:
        """Refuses what makes no sense.

        Raises:
            UserError: naming the field, as it is called in a config.
        """
        for name, known in {"sampling": POLICIES, "view_average": AVERAGES}.items():
            if (value := getattr(self, name)) not in known:
                raise UserError(f"data.{name}={value!r} is unknown; choose from {', '.join(known)}")
        for name in ("segments", "frames_per_segment", "frame_step", "test_views"):
            if (value := getattr(self, name)) < 1:
                raise UserError(f"data.{name}={value} must be at least 1")
        if self.frame_step > 1 and self.sampling != "strided":
            raise UserError(
                f"data.frame_step={self.frame_step} needs data.sampling='strided'; with "
                f"{self.sampling!r} set it to 1"
            )
        if self.test_views > 1 and self.sampling not in WITH_VIEWS:
            raise UserError(
                f"data.test_views={self.test_views}, but data.sampling={self.sampling!r} has one "
                f"view of a clip; choose {' or '.join(WITH_VIEWS)}, or set it to 1"
            )

    @classmethod
    def of(cls, preprocess: Mapping[str, Any] | ConfigDict) -> "FrameProtocol":
        """Returns that of a checkpoint, or of `config.data`; older ones lack the later fields."""
        names = [field.name for field in dataclasses.fields(cls) if field.name in preprocess]
        return cls(**{name: preprocess[name] for name in names})

    def to_json(self) -> dict[str, Any]:
        """Returns it as stored in a checkpoint's `preprocess`."""
        return dataclasses.asdict(self)

    @property
    def num_frames(self) -> int:
        """T, the frames of one view."""
        return self.segments * self.frames_per_segment

    @property
    def shape(self) -> tuple[int, int]:
        """(views, T) of a clip at test."""
        return self.test_views, self.num_frames

    @property
    def is_blended(self) -> bool:
        """Whether the network sees blends of all frames, not some of them."""
        return self.sampling == "interpolated"

    def draw(self, num_frames: int, rng: np.random.Generator) -> Int64[np.ndarray, " t"]:
        """Returns the places in a clip of one training view."""
        return self._sample(num_frames, rng=rng)

    def test(self, num_frames: int) -> Int64[np.ndarray, "v t"]:
        """Returns the places in a clip of the test views; where blended, the nearest ones."""
        views = [
            self._sample(num_frames, view=(view, self.test_views))
            for view in range(self.test_views)
        ]
        return np.stack(views)

    def clips(
        self, num_frames: int, read: Callable[[list[int]], Sequence[np.ndarray]]
    ) -> UInt8[np.ndarray, "v t s s 3"]:
        """Returns the test views of a clip, of the pictures that `read` gives for its places."""
        if self.is_blended:
            return interpolate(np.stack(read(list(range(num_frames)))), self.num_frames)[None]
        places = self.test(num_frames)
        pictures = np.stack(read(places.reshape(-1).tolist()))
        return pictures.reshape(*places.shape, *pictures.shape[1:])

    def slots(self, num_frames: int, seconds: float) -> int:
        """Returns the number of frames that a stretch of a video counts for.

        Where every r-th frame is wanted it is the number at `FRAMES_PER_SECOND`, so that a view
        lasts as long as in training; everywhere else the frames that there are.
        """
        if self.sampling != "strided":
            return num_frames
        return max(1, round(seconds * FRAMES_PER_SECOND))

    def _sample(self, num_frames: int, **kwargs: Any) -> np.ndarray:
        return sample_frames(
            num_frames,
            segments=self.segments,
            frames_per_segment=self.frames_per_segment,
            policy=self.sampling,
            frame_step=self.frame_step,
            **kwargs,
        )
