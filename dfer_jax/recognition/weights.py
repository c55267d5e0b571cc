"""Trained weights ready to use: everything they need is read from their checkpoint.

Several work directories are an ensemble: the mean of their probabilities, class by class by name.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float32, PyTree, UInt8

from dfer_jax.data.frame_protocol import FrameProtocol
from dfer_jax.errors import UserError
from dfer_jax.frames.inference import Network
from dfer_jax.labels import ACTION_UNITS
from dfer_jax.runs import checkpoint
from dfer_jax.runtime.parallel import Parallel
from dfer_jax.training import test_views
from dfer_jax.training.augment.crops import resize_clips
from dfer_jax.training.network import check_weights, create_model
from dfer_jax.video.faces import LIKE, CropSettings


@dataclasses.dataclass(frozen=True)
class Cut:
    """What a network takes of a face: how it is cut out, and the side it is resized to."""

    crop: CropSettings
    size: int


@dataclasses.dataclass(frozen=True)
class Member:
    """What one checkpoint says of itself.

    Attributes:
        folder: its work directory.
        metadata: of the checkpoint.
    """

    folder: str
    metadata: dict[str, Any]

    @property
    def classes(self) -> tuple[str, ...]:
        """What the outputs mean, in their order."""
        return tuple(self.metadata["classes"])

    @property
    def inputs(self) -> dict[str, Any]:
        """How a clip or frame becomes the network's input."""
        return self.metadata["preprocess"]

    @property
    def size(self) -> int:
        """Side of the pictures it takes, in pixels."""
        return self.inputs["decode_size"]

    @property
    def cut(self) -> Cut:
        """Its crops: those it was trained with, or the likeliest where the checkpoint is silent."""
        if stored := self.inputs.get("crop"):
            return Cut(CropSettings.from_json(stored), self.size)
        data = self.metadata["dataset"].partition("/")[0].lower()
        return Cut(LIKE.get(data, CropSettings()), self.size)

    @property
    def crop_note(self) -> str:
        """What to know of crops that the checkpoint is silent about; empty where it tells."""
        if self.inputs.get("crop"):
            return ""
        crop, data = self.cut.crop, self.metadata["dataset"]
        known = data.partition("/")[0].lower() in LIKE
        like = f"cut like those of {data}" if known else "cut by default"
        return (
            f"{self.folder} does not say how its faces were cut out; here they are {like} "
            f"({crop.alignment}, margin {crop.margin:g}), and other crops make other predictions"
        )

    @property
    def fps(self) -> float | None:
        """Frames that a second of video counts for; None: see `windows.Window.clips`."""
        return self.inputs.get("fps")

    @property
    def of_frames(self) -> bool:
        """Whether it labels every frame, from the window around it."""
        return "segments" not in self.inputs

    @property
    def protocol(self) -> FrameProtocol:
        """Which of a clip's frames it sees, as in evaluation."""
        return FrameProtocol.of(self.inputs)


class _Network:
    """Weights on the first device of this process.

    Attributes:
        member: what their checkpoint says of itself.
        model: the network.
        variables: `{"params", "batch_stats"}`.
    """

    def __init__(self, member: Member, variables: PyTree) -> None:
        self.member = member
        self._devices = Parallel((jax.local_devices()[0],))
        described = member.metadata["model"]
        self.model = create_model(
            described["name"], described["kwargs"], dtype="auto", parallel=self._devices
        )
        self.variables = self._devices.replicate(variables)


class ClipNetwork(_Network):
    """Weights that give a clip one label, compiled."""

    def __init__(self, member: Member, variables: PyTree) -> None:
        super().__init__(member, variables)
        size, average = member.inputs["image_size"], member.protocol.view_average

        def probabilities(variables: PyTree, clips: UInt8[Array, "b v t s s 3"]) -> Array:
            clips, views = test_views.in_a_row(clips)
            logits, _ = self.model.apply(
                variables, resize_clips(clips, image_size=size), train=False
            )
            return jax.nn.softmax(test_views.average_logits(logits, views, of=average))

        self._compiled = jax.jit(probabilities)

    def __call__(self, clips: UInt8[np.ndarray, "b v t s s 3"]) -> Array:
        """Returns probabilities float32 [b, k] over the views, on their way from the device."""
        return self._compiled(self.variables, test_views.without_copies(clips))


class FrameNetwork(_Network):
    """Weights that label every frame, in two compiled halves."""

    def __init__(self, member: Member, variables: PyTree) -> None:
        super().__init__(member, variables)
        size, length = member.inputs["image_size"], member.inputs["window"]
        network = Network(self.model, image_size=size, length=length, devices=self._devices)
        self.backbone, self._head = network.backbone(self.variables), network.head(self.variables)

    def head(self, features: Float32[np.ndarray, "b t d"]) -> Float32[np.ndarray, "b k"]:
        """Returns the probabilities of the frames in the middle of windows of features."""
        logits = self._head(features).astype(np.float64)
        if self.member.classes == ACTION_UNITS:
            shares = 1 / (1 + np.exp(-logits))
        else:
            shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
            shares /= shares.sum(axis=-1, keepdims=True)
        return shares.astype(np.float32)


@dataclasses.dataclass(frozen=True)
class Weights:
    """One network or an ensemble, all of clips or all of frames.

    Attributes:
        networks: at least one.
        classes: of the results, in the order of the first network.
    """

    networks: tuple[ClipNetwork | FrameNetwork, ...]
    classes: tuple[str, ...]

    @property
    def members(self) -> list[Member]:
        """What the checkpoints say of themselves."""
        return [network.member for network in self.networks]

    @property
    def of_frames(self) -> bool:
        """Whether every frame is labelled."""
        return self.members[0].of_frames

    @property
    def exclusive(self) -> bool:
        """Whether exactly one class holds at a time; action units do not exclude each other."""
        return self.classes != ACTION_UNITS

    def usual_span(self, name: str, other: str) -> str:
        """Returns the `window` or `stride` that the first network is used with, else `other`."""
        return self.members[0].inputs.get(f"{name}_span", other)

    @property
    def cuts(self) -> tuple[Cut, ...]:
        """What the networks take of a face, each once."""
        return tuple(dict.fromkeys(member.cut for member in self.members))

    def mean(self, found: Sequence[np.ndarray]) -> Float32[np.ndarray, "b k"]:
        """Returns the mean over the networks of probabilities [b, k], each in its own order."""
        orders = [[m.classes.index(name) for name in self.classes] for m in self.members]
        shares = [np.asarray(p, np.float32)[:, o] for p, o in zip(found, orders, strict=True)]
        return np.mean(shares, axis=0, dtype=np.float32)

    def about(self) -> list[dict[str, Any]]:
        """Returns what a result says of the weights it was made with, JSON-ready."""
        names = ("model", "dataset", "source", "preprocess")
        return [
            {"weights": m.folder} | {name: m.metadata[name] for name in names} for m in self.members
        ]


def load(folders: Sequence[str | Path]) -> Weights:
    """Returns the last weights of some work directories.

    Args:
        folders: of runs, of imported weights, or pretrained ones; several are an ensemble.

    Raises:
        UserError: if one has no intact checkpoint or judges no expressions, or their classes or
            kinds differ.
    """
    networks = []
    for folder in map(str, folders):
        if not Path(folder).is_dir():
            raise UserError(
                f"there are no weights in {folder}, it is no folder; give a run's work directory, "
                "or one that dfer import wrote"
            )
        variables, metadata = checkpoint.load_last_weights(folder)
        check_weights(variables, metadata, folder=folder)
        member = Member(folder, metadata)
        if not {"segments", "window"} & set(member.inputs):
            raise UserError(
                f"the weights in {folder} judge no expressions (they are of {metadata['dataset']})"
                "; train a run that starts from them, and give that one"
            )
        networks.append((FrameNetwork if member.of_frames else ClipNetwork)(member, variables))
    _check_alike([network.member for network in networks])
    return Weights(tuple(networks), networks[0].member.classes)


def _check_alike(members: Sequence[Member]) -> None:
    first = members[0]
    for other in members[1:]:
        if set(other.classes) != set(first.classes):
            raise UserError(
                f"{other.folder} has the classes {', '.join(other.classes)}, {first.folder} "
                f"{', '.join(first.classes)}; combine weights of the same classes"
            )
        if other.of_frames != first.of_frames:
            raise UserError(
                f"of {first.folder} and {other.folder} one labels clips, the other every frame; "
                "combine weights of one kind"
            )
