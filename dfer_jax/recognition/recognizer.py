"""`dfer_jax.Recognizer`: expressions from Python."""

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from dfer_jax.data.decode import resize_square
from dfer_jax.errors import UserError
from dfer_jax.recognition import weights as weights_of
from dfer_jax.recognition.faces import (
    ANY_FACE,
    FacesInRgb,
    Finder,
    FoundFaces,
    Least,
    WholePictures,
)
from dfer_jax.recognition.peers.still import BesideOurs, StillPeer
from dfer_jax.recognition.pictures import check_rgb, refuse_bgr
from dfer_jax.recognition.rows import Row
from dfer_jax.recognition.sources import Source, as_folders, as_path, check_rate, find_sources
from dfer_jax.recognition.spans import parse
from dfer_jax.recognition.timeline import STRIDE, WINDOW, Pictures, Timing, timeline
from dfer_jax.recognition.weights import Cut, Weights
from dfer_jax.video.container import VideoError

_USUAL = {"window": str(WINDOW), "stride": str(STRIDE)}


class Recognizer:
    """Trained weights, ready for pictures.

    Attributes:
        classes: names of what it tells apart, in the order of the rows' columns.
    """

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.classes = weights.classes

    @classmethod
    def load(cls, *folders: str | Path) -> "Recognizer":
        """Returns the last weights of a run, or of several as an ensemble.

        Args:
            folders: work directories of runs, or of imported weights.

        Raises:
            UserError: if one has no intact checkpoint, or they do not go together.
        """
        if not folders:
            raise UserError("Recognizer.load needs a folder; give a run's work directory")
        return cls(weights_of.load(as_folders(folders)))

    def clip(
        self, frames: UInt8[np.ndarray, "t h w 3"], *, sure_rgb: bool = False
    ) -> dict[str, float]:
        """Returns the probability of each class in a whole clip of face crops.

        Frames are chosen as in evaluation. Weights that label frames give the mean over all.

        Args:
            frames: aligned crops of one face in time order, RGB in 0..255, any size.
            sure_rgb: do not ask whether the channels look swapped.

        Raises:
            UserError: if it is something else, saying how to mend it.
        """
        check_rgb(frames, what="frames")
        if not sure_rgb:
            refuse_bgr(frames, what="frames")
        if self.weights.of_frames:
            rows = list(self.frames(frames, is_cropped=True, sure_rgb=True))
            return {k: float(np.mean([r.probabilities[k] for r in rows])) for k in self.classes}
        found = []
        for network in self.weights.networks:
            member = network.member
            read = functools.partial(_resized, frames, size=member.size)
            views = member.protocol.clips(len(frames), read)
            found.append(np.asarray(network(views[None])))
        shares = self.weights.mean(found)[0]
        return {name: float(p) for name, p in zip(self.classes, shares, strict=True)}

    def frames(
        self,
        frames: UInt8[np.ndarray, "t h w 3"],
        *,
        fps: float = 25.0,
        is_cropped: bool = False,
        window: str | None = None,
        stride: str | None = None,
        sure_rgb: bool = False,
    ) -> Iterator[Row]:
        """Yields the rows of frames in memory.

        Args:
            frames: in time order, RGB in 0..255.
            fps: frames per second.
            is_cropped: whether each is a face crop already; else faces are found in them.
            window: as in `video`.
            stride: as in `video`.
            sure_rgb: do not ask whether the channels of the first face look swapped.

        Raises:
            UserError: if it is something else, or faces cannot be found here.
        """
        check_rgb(frames, what="frames")
        check_rate(fps)
        pictures = ((index, index / float(fps), picture) for index, picture in enumerate(frames))
        finder = self.finder(is_cropped=is_cropped)
        if not sure_rgb:
            finder = FacesInRgb(finder, what="frames")
        return self.rows(pictures, finder, window=window, stride=stride)

    def video(
        self,
        path: str | Path,
        *,
        is_cropped: bool = False,
        fps: float = 25.0,
        window: str | None = None,
        stride: str | None = None,
        face_model: str | Path | None = None,
    ) -> Iterator[Row]:
        """Yields the rows of a video, a still or a folder of frames; memory is bounded.

        Args:
            path: of it.
            is_cropped: whether every frame is a face crop already.
            fps: of a folder of frames.
            window: length of what gets one label, seconds ("2.4s") or frames ("16"); None: what the
                weights are used with, else 2.4 s, and strides of 8 frames.
            stride: from one window to the next, likewise.
            face_model: the file of the face networks; None looks for it.

        Raises:
            UserError: if there is not exactly one thing to look at there, or it cannot be read.
            VideoError: if it turns out to be damaged, after the rows of all before.
        """
        check_rate(fps)
        source = the_one(as_path(path), fps=fps)
        finder = self.finder(is_cropped=is_cropped, face_model=face_model)
        rows = self.rows(source.pictures(), finder, window=window, stride=stride)
        return _naming(source.path, rows)

    def finder(
        self,
        *,
        is_cropped: bool,
        face_model: str | Path | None = None,
        least: Least = ANY_FACE,
        peer: StillPeer | None = None,
    ) -> Finder:
        """Returns what cuts the faces out of the pictures of one video, for these weights.

        Args:
            is_cropped: whether every picture is a face crop already.
            face_model: the file of the face networks; None looks for it.
            least: what a face must have to be judged.
            peer: is asked about every face, cut out as for the first of these weights.

        Raises:
            UserError: if the face networks are needed and not there.
        """
        cuts = self.weights.cuts
        cut = peer and Cut(cuts[0].crop, peer.size)
        cuts = (*cuts, cut) if cut else cuts
        find = (
            WholePictures(cuts)
            if is_cropped
            else FoundFaces(cuts, face_model=face_model, least=least)
        )
        return BesideOurs(find, peer, cut) if cut else find

    def span(self, name: str, given: str | None) -> str:
        """Returns the window or the stride as it is given, else as the weights are used with.

        Args:
            name: "window" or "stride".
            given: as in `video`.

        Raises:
            UserError: if it is no length.
        """
        usual = self.weights.usual_span(name, other=_USUAL[name])
        return str(parse(usual if given is None else given, name=f"--{name}"))

    def rows(
        self,
        pictures: Pictures,
        finder: Finder,
        *,
        window: str | None,
        stride: str | None,
        batch_size: int = 0,
    ) -> Iterator[Row]:
        """Yields the rows of any pictures with their times; see `video` and `timeline.timeline`."""
        spans = (
            parse(self.span(name, given), name=name)
            for name, given in (("window", window), ("stride", stride))
        )
        return timeline(pictures, finder, self.weights, Timing(*spans, batch_size))


def _naming(path: Path, rows: Iterator[Row]) -> Iterator[Row]:
    try:
        yield from rows
    except VideoError as error:
        raise VideoError(f"{path}: {error}") from error


def _resized(frames: np.ndarray, places: Sequence[int], *, size: int) -> list[np.ndarray]:
    return [resize_square(frames[place], size) for place in places]


def the_one(path: Path, *, fps: float) -> Source:
    """Returns the only source that a path means.

    Raises:
        UserError: if there are several, or none.
    """
    sources: Sequence[Source] = find_sources(path, fps=fps)
    if len(sources) > 1:
        raise UserError(f"{path} holds {len(sources)} videos or folders of frames; give one")
    return sources[0]
