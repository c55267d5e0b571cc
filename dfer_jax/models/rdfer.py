"""RDFER's networks: a synopsis of a video tells where to look, and the details there decide.

F. Liu, H. Wang, S. Shen, "Robust Dynamic Facial Expression Recognition", arXiv 2502.16129, IEEE
T-BIOM 7(4), 2025. The synopsis network sees 16 frames spread over the video and finds the key
instants of the expression it predicts; the detail network sees clips of 4 frames around them, with
temporal shift inside a clip (short-term movement) and a BiLSTM across the clips (long-term change),
gated by the context that the synopsis gives. How agreement between clips weighs their losses is not
part of the network: see `dfer_jax.training.agreement`.

Deviates: a reconstruction from abstract, figures and the authors' earlier public code, because the
paper's own code is not public; no result of the paper is to be expected of it. The key instants are
peaks of the predicted class and are integers, so no gradient passes through the choice of frames;
that code's learned positions are left out, because they receive none either. Its synopsis network
is a ResNet-50; ours a ResNet-18, because the paper's is "tiny". Its instances are moved at random
in evaluation too; ours never, so that an evaluation can be repeated.
"""

from collections.abc import Mapping
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int, PyTree

from dfer_jax.errors import UserError
from dfer_jax.models import key_expression
from dfer_jax.models.instance_bag import InstanceBag
from dfer_jax.models.key_expression import CLIP_FRAMES, SYNOPSIS_FRAMES
from dfer_jax.models.layers import dense
from dfer_jax.models.temporal_shift import ShiftedResNet


class RDFER(nn.Module):
    """Synopsis network and detail network, trained together.

    Attributes:
        num_classes: outputs k.
        num_frames: T, frames of the input; at most 16 of them and the detail clips are looked at.
        image_size: side of the square frames in pixels, a multiple of 16.
        width: channels of both networks' stems, a multiple of 8; 64 are the ImageNet ResNets.
        hidden: width of an instance and of the LSTM's state in each direction, a multiple of 4.
        synopsis_depth: of the synopsis network: 10, 18 or 50.
        detail_depth: of the detail network: 10, 18 or 50.
        key_count: m, detail clips; 1 looks at the key expression alone.
        detail_stride: frames of the input from one frame of a detail clip to the next.
        resample: whether the detail clips lie at the key instants, not evenly spaced.
        dropout: rate before the instances are made; above 0, training needs a key,
            `rngs={"dropout": key}`.
        dtype: type of the computation; parameters, statistics, softmax, gates and logits stay
            float32.
        axis_name: device axis over which BatchNorm statistics are averaged; None on one device.
    """

    num_classes: int = 7
    num_frames: int = 64
    image_size: int = 112
    width: int = 64
    hidden: int = 512
    synopsis_depth: int = 18
    detail_depth: int = 50
    key_count: int = 4
    detail_stride: int = 2
    resample: bool = True
    dropout: float = 0.8
    dtype: DTypeLike = jnp.float32
    axis_name: str | None = None

    aux_stages: ClassVar[tuple[str, ...]] = ("synopsis",)
    instances: ClassVar[tuple[str, ...]] = ("synopsis", "detail")

    @nn.compact
    def __call__(
        self, clips: Float[Array, "b t h w 3"], *, train: bool
    ) -> tuple[Float[Array, "b k"], Mapping[str, PyTree]]:
        """Classifies videos.

        Args:
            clips: float [b, t, h, w, 3], RGB in [0, 1].
            train: whether BatchNorm uses (and records, collection `batch_stats`) the statistics of
                this batch, dropout acts and the synopsis frames are moved at random (by the key of
                `dropout`, if there is one).

        Returns:
            Logits [b, k] of the detail network, float32, and `out`: `features` [b, 2 * hidden],
            what the classifier sees; `aux_logits` {`synopsis`: [b, k]}; `instance_logits`
            {`synopsis`: [b, 16, k], `detail`: [b, m, k]}, both in temporal order; `key_instants`
            int32 [b, m], frames in 0..t-1, strongest first.

        Raises:
            UserError: if an attribute or the shape of `clips` does not fit.
        """
        self._check(clips)
        shown = self._synopsis_frames(clips.shape[0], train=train)  # [b, 16]
        found = self._look(
            key_expression.gather_frames(clips, shown), self.synopsis_depth, "synopsis", train=train
        )
        synopsis = self._bag("synopsis_bag")(found)
        instants = self._instants(synopsis.logits, synopsis.instance_logits)  # [b, m]
        chosen = key_expression.detail_indices(
            jnp.sort(instants, axis=1), num_frames=self.num_frames, stride=self.detail_stride
        )
        details = self._look(
            key_expression.gather_frames(clips, chosen), self.detail_depth, "detail", train=train
        )
        details = details.reshape(clips.shape[0], self.key_count, CLIP_FRAMES, -1).mean(axis=2)
        width = 2 * self.hidden
        context = nn.sigmoid(dense(width, fan_in=width, name="context")(synopsis.features))
        detail = self._bag("detail_bag")(details, context)
        out = {
            "features": detail.features,
            "aux_logits": {"synopsis": synopsis.logits},
            "instance_logits": {
                "synopsis": synopsis.instance_logits,
                "detail": detail.instance_logits,
            },
            "key_instants": jnp.take_along_axis(shown, instants, axis=1),
        }
        return detail.logits, out

    def _check(self, clips: Float[Array, "b t h w 3"]) -> None:
        size, frames = self.image_size, self.num_frames
        if size < 16 or size % 16:
            raise UserError(f"model image_size is {size}; it must be a multiple of 16")
        if self.width < 8 or self.width % 8:
            raise UserError(f"model width is {self.width}; it must be a multiple of 8")
        if not 1 <= self.key_count <= SYNOPSIS_FRAMES:
            raise UserError(f"model key_count is {self.key_count}; it must lie in 1..16")
        if self.detail_stride < 1:
            raise UserError(f"model detail_stride is {self.detail_stride}; it must be at least 1")
        if clips.shape[1:] != (frames, size, size, 3):
            raise UserError(
                f"the model takes clips of {frames} frames of {size}x{size}x3, not {clips.shape}; "
                "set its num_frames and image_size to those of the clips"
            )

    def _synopsis_frames(self, num_clips: int, *, train: bool) -> Int[Array, "b 16"]:
        key = self.make_rng("dropout") if train and self.has_rng("dropout") else None
        return key_expression.synopsis_indices(self.num_frames, num_clips=num_clips, key=key)

    def _instants(
        self, logits: Float[Array, "b k"], instance_logits: Float[Array, "b 16 k"]
    ) -> Int[Array, "b m"]:
        """Returns the synopsis frames to look at, strongest first where they are chosen."""
        if not self.resample:
            return key_expression.evenly_spaced_instants(
                num_clips=logits.shape[0], count=self.key_count
            )
        probabilities = nn.softmax(jax.lax.stop_gradient(instance_logits), axis=-1)
        predicted = nn.one_hot(logits.argmax(axis=-1), logits.shape[-1])  # [b, k]
        scores = (probabilities * predicted[:, None]).sum(axis=-1)  # [b, 16]
        return key_expression.key_instants(scores, count=self.key_count)

    def _look(
        self, frames: Float[Array, "b n h w 3"], depth: int, name: str, *, train: bool
    ) -> Float[Array, "b n d"]:
        """Returns a vector of width `hidden` for each frame, shifted in groups of 4, float32."""
        backbone = ShiftedResNet(
            depth=depth,
            width=self.width,
            segment=CLIP_FRAMES,
            dtype=self.dtype,
            axis_name=self.axis_name,
            name=f"{name}_backbone",
        )
        x = backbone(frames.reshape(-1, *frames.shape[2:]), train=train)
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        project = dense(
            self.hidden, fan_in=x.shape[-1], dtype=self.dtype, name=f"{name}_projection"
        )
        return project(x).astype(jnp.float32).reshape(*frames.shape[:2], self.hidden)

    def _bag(self, name: str) -> InstanceBag:
        return InstanceBag(self.num_classes, self.hidden, dtype=self.dtype, name=name)
