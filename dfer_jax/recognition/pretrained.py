"""`dfer_jax.load`: one trained network with its weights, for code of one's own."""

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Float, PyTree, UInt8

from dfer_jax.data.decode import resize_square
from dfer_jax.frames.windows import centred_windows
from dfer_jax.recognition import weights as weights_of
from dfer_jax.recognition.pictures import check_rgb
from dfer_jax.recognition.recognizer import Recognizer
from dfer_jax.recognition.weights import Member
from dfer_jax.training.augment.crops import resize_clips


class Preprocess:
    """From face crops to the network's input, as in evaluation.

    Attributes:
        settings: sampling and sizes, as stored with the weights.
    """

    def __init__(self, member: Member) -> None:
        self.settings = dict(member.inputs)
        self._member = member

    def __call__(self, frames: UInt8[np.ndarray, "t h w 3"]) -> Float[Array, "b n s s 3"]:
        """Returns float32 RGB in [0, 1]: the views of the clip, or the window around each frame.

        Args:
            frames: aligned crops of one face in time order, RGB in 0..255, any size.

        Raises:
            UserError: if it is something else.
        """
        check_rgb(frames, what="frames")
        settings, count = self.settings, len(frames)
        if self._member.of_frames:
            lengths = {"length": settings["window"], "max_gap": settings["max_gap"]}
            rows = centred_windows(np.arange(count), **lengths)
            small = self._resized(frames, range(count))
            clips = np.stack([[small[i] for i in row] for row in rows])
        else:
            read = functools.partial(self._resized, frames)
            clips = self._member.protocol.clips(count, read)
        return resize_clips(jnp.asarray(clips), image_size=settings["image_size"])

    def _resized(self, frames: np.ndarray, places: Iterable[int]) -> list[np.ndarray]:
        small = {i: resize_square(frames[i], self._member.size) for i in set(places)}
        return [small[i] for i in places]


class Pretrained:
    """A trained network.

    Attributes:
        model: the Flax module; `model.apply(variables, preprocess(frames), train=False)` gives
            logits `[b, k]`, of networks that label frames `[b, window, k]`, and what else it
            computes.
        variables: `{"params", "batch_stats"}`.
        classes: what the logits mean, in their order.
        preprocess: turns face crops into the network's input.
    """

    def __init__(self, folder: str | Path) -> None:
        weights = weights_of.load([folder])
        (network,) = weights.networks
        self.model: nn.Module = network.model
        self.variables: PyTree = network.variables
        self.classes: tuple[str, ...] = weights.classes
        self.preprocess = Preprocess(network.member)
        self.about: dict[str, Any] = weights.about()[0]
        self._recognizer = Recognizer(weights)

    def __call__(
        self, frames: UInt8[np.ndarray, "t h w 3"], *, sure_rgb: bool = False
    ) -> dict[str, float]:
        """Returns the probability of each class in a clip of face crops; see `Recognizer.clip`."""
        return self._recognizer.clip(frames, sure_rgb=sure_rgb)


def load(folder: str | Path) -> Pretrained:
    """Returns the network of a pretrained folder, a run, or imported weights.

    Args:
        folder: what `dfer export`, `dfer train` or `dfer import` wrote.

    Raises:
        UserError: if it holds no weights, or damaged ones.
    """
    return Pretrained(folder)
