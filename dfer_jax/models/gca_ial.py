"""GCA+IAL: per-frame CNN with global convolution attention, dynamic-static fusion, transformer.

H. Li, H. Niu, Z. Zhu, F. Zhao, "Intensity-Aware Loss for Dynamic Facial Expression Recognition in
the Wild", AAAI 2023, arXiv 2208.10335. Layer sizes, order and constants follow the released code,
github.com/muse1998/IAL-for-Facial-Expression-Recognition at commit 39a24b6.

Input: float32 [b, t, h, w, 3], RGB in [0, 1], no mean or standard deviation removed; 16 frames of
112x112 in the paper. Output: logits [b, k], float32, and a dict of named intermediates.

Cost: 5.624 GMAC per clip, every sub-layer once. XLA's cost analysis says 5.10 (flops / 2): it does
not count the products with the zero padding, 0.55 GMAC. The 9.63 G of later papers' tables is not
that of the released code (5.94 G, its two transformers being evaluated twice).

The map of the fusion module is flattened channel-major (c, h, w), the order of the released
weights, so imported weights need no permutation.

Deviates: the release's parameters that no output depends on (146,752 values: stray biases, 1x1
convolutions, layer1's gate and auxiliary head) are not built; its sub-layers are evaluated once,
not twice (the second time only gave an attention map). BatchNorm's running variance is Flax's, see
`batch_norm.BatchNorm`.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from dfer_jax.errors import UserError
from dfer_jax.models.attention import ATTENTIONS, ChannelGate
from dfer_jax.models.layers import BasicBlock, TransformerLayer, dense
from dfer_jax.ops.conv_norm import conv_norm
from dfer_jax.ops.stem import stem

AUX_STAGES = ("layer2", "layer3")
"""Stages with a channel gate, where an auxiliary head can sit."""


class GCAIAL(nn.Module):
    """The network of GCA+IAL; the defaults are the released one (18,936,775 parameters).

    Every width grows with `width`: stages w, 2w, 4w; tokens 4w * side**2, side = ceil(image_size /
    32); 4 heads of w / 2; temporal MLP 8w.

    Attributes:
        num_classes: outputs k.
        num_frames: frames per clip, at least 2; T frames give T - 1 tokens.
        image_size: side of the square frames in pixels, a multiple of 16.
        width: channels w of the first stage, even.
        attention: channel gate of layer2 and layer3: `gca`, `se`, `cbam` (its channel branch) or
            `none` (rows (a), (c) of Table I with `aux_stages=()`).
        reduction: r of the gate, Table III; divides 2w.
        aux_stages: stages with an auxiliary classifier. It reads the GCA descriptor, or the spatial
            mean where the gate is another or none (a choice of ours: the paper does not say).
        temporal_factor: whether the GCA gate contains its mean over the frames (Eq. 5).
        dtype: type of the computation; parameters, statistics, softmax, gates and logits stay
            float32.
        axis_name: device axis over which BatchNorm statistics are averaged; None on one device.
    """

    num_classes: int = 7
    num_frames: int = 16
    image_size: int = 112
    width: int = 64
    attention: str = "gca"
    reduction: int = 16
    aux_stages: Sequence[str] = AUX_STAGES
    temporal_factor: bool = True
    dtype: DTypeLike = jnp.float32
    axis_name: str | None = None

    @nn.compact
    def __call__(
        self, clips: Float[Array, "b t h w 3"], *, train: bool
    ) -> tuple[Float[Array, "b k"], Mapping[str, Array | Mapping[str, Array]]]:
        """Classifies clips.

        Args:
            clips: float [b, t, h, w, 3], RGB in [0, 1].
            train: whether BatchNorm uses (and records, collection `batch_stats`) the statistics
                of this batch instead of the running ones.

        Returns:
            Logits [b, k], float32, and `out`: `features` [b, d], the mean token the classifier
            sees; `aux_logits` {stage: [b, k]}; `gates` {stage: [b, t, c]}, empty for `none`;
            maps `stem`, `layer1`, `layer2`, `layer3` [b, t, h, w, c]; `differences`, `dynamic`,
            `static` [b, t-1, h, w, c]; `tokens` [b, t-1, d], those entering the temporal
            transformer (positions not yet added).

        Raises:
            UserError: if an attribute or the shape of `clips` does not fit.
        """
        self._check(clips)
        b, t = clips.shape[:2]
        out = {"aux_logits": {}, "gates": {}}
        shared = {"train": train, "dtype": self.dtype, "axis_name": self.axis_name}
        x = stem(clips.reshape(b * t, *clips.shape[2:]), self.width, **shared)  # [b*t, h, w, c]
        out["stem"] = _unfold(x, t)
        for stage, factor, stride in (("layer1", 1, 1), ("layer2", 2, 2), ("layer3", 4, 2)):
            gate = self._make_gate() if stage in AUX_STAGES else None
            block = self._block(factor, stride=stride, gate=gate, name=stage)
            x, found = block(x, train=train)
            out[stage] = _unfold(x, t)
            if "gate" in found:
                out["gates"][stage] = found["gate"]
            if stage in self.aux_stages:
                out["aux_logits"][stage] = self._aux_head(found["descriptor"], name=f"aux_{stage}")
        maps = out["layer3"]
        differences = out["differences"] = maps[:, 1:] - maps[:, :-1]
        dynamic = out["dynamic"] = _unfold(self._dynamic(_fold(differences), train=train), t - 1)
        static = out["static"] = _unfold(self._static(_fold(maps[:, :-1]), train=train), t - 1)
        fused = jnp.moveaxis(dynamic + static, -1, 2)  # [b, t-1, c, h, w], the release's order
        tokens = out["tokens"] = fused.reshape(b, t - 1, -1)  # [b, t-1, d]
        features = out["features"] = self._temporal(tokens)  # [b, d]
        logits = dense(self.num_classes, fan_in=features.shape[-1], name="classifier")(features)
        return logits, out

    def _check(self, clips: Float[Array, "b t h w 3"]) -> None:
        size, frames = self.image_size, self.num_frames
        if self.attention not in ATTENTIONS:
            known = ", ".join(ATTENTIONS)
            raise UserError(f"model attention {self.attention!r} is unknown; choose from {known}")
        if unknown := sorted(set(self.aux_stages) - set(AUX_STAGES)):
            known = ", ".join(AUX_STAGES)
            raise UserError(f"model aux_stages has no place for {unknown}; choose from {known}")
        if frames < 2:
            raise UserError(f"model num_frames is {frames}; frame differences need at least 2")
        if size < 16 or size % 16:
            raise UserError(f"model image_size is {size}; it must be a multiple of 16")
        if self.width < 2 or self.width % 2:
            raise UserError(f"model width is {self.width}; it must be even and positive")
        if self.attention != "none" and (self.reduction < 1 or 2 * self.width % self.reduction):
            raise UserError(
                f"model reduction is {self.reduction}; it must divide 2 * width = {2 * self.width}"
            )
        if clips.shape[1:] != (frames, size, size, 3):
            raise UserError(
                f"the model takes clips of {frames} frames of {size}x{size}x3, not {clips.shape}; "
                "set its num_frames and image_size to those of the clips"
            )

    def _block(self, factor: int, *, name: str, **options: object) -> BasicBlock:
        options = {"dtype": self.dtype, "axis_name": self.axis_name, **options}
        return BasicBlock(factor * self.width, name=name, **options)

    def _make_gate(self) -> partial:
        return partial(
            ChannelGate,
            kind=self.attention,
            num_frames=self.num_frames,
            reduction=self.reduction,
            temporal_factor=self.temporal_factor,
        )

    def _aux_head(self, descriptor: Float[Array, "b t c"], *, name: str) -> Float[Array, "b k"]:
        """A factored linear classifier on the mean descriptor; no bias, no non-linearity."""
        x = descriptor.mean(axis=1)  # [b, c]
        width = 2 * x.shape[-1]
        x = dense(width, fan_in=x.shape[-1], use_bias=False, name=f"{name}_fc1")(x)
        return dense(self.num_classes, fan_in=width, use_bias=False, name=f"{name}_fc2")(x)

    def _dynamic(self, x: Float[Array, "n h w c"], *, train: bool) -> Float[Array, "n i j c"]:
        """Three residual blocks on the differences of neighbouring frames."""
        for i, stride in enumerate((2, 1, 1)):
            x, _ = self._block(4, stride=stride, name=f"dynamic{i}")(x, train=train)
        return x

    def _static(self, x: Float[Array, "n h w c"], *, train: bool) -> Float[Array, "n i j c"]:
        """A transformer over the places of each frame, row by row."""
        options = {"stride": 2, "relu": True, "train": train, "name": "static_conv"}
        shared = {"dtype": self.dtype, "axis_name": self.axis_name}
        x = conv_norm(x, 4 * self.width, **options, **shared)
        shape = x.shape
        x = self._transformer(x.reshape(shape[0], -1, shape[-1]), mlp=4, name="static")
        return x.reshape(shape)

    def _temporal(self, tokens: Float[Array, "b n d"]) -> Float[Array, "b d"]:
        """A transformer over the frames' tokens, then their mean in float32."""
        tokens = self._transformer(tokens, mlp=8, rows=self.num_frames, name="temporal")
        return tokens.astype(jnp.float32).mean(axis=1)

    def _transformer(
        self, x: Float[Array, "n m d"], *, mlp: int, name: str, rows: int | None = None
    ) -> Float[Array, "n m d"]:
        """Two layers after learned positions; the first of `rows` positions are used."""
        init = nn.initializers.normal(1.0)
        shape = (1, rows or x.shape[1], x.shape[2])
        positions = self.param(f"{name}_positions", init, shape, jnp.float32)
        x = x + jnp.broadcast_to(positions[:, : x.shape[1]], x.shape).astype(x.dtype)
        for i in range(2):
            x = TransformerLayer(
                num_heads=4,
                head_dim=self.width // 2,
                mlp_dim=mlp * self.width,
                dtype=self.dtype,
                name=f"{name}{i}",
            )(x)
        return x


def _fold(x: Float[Array, "b t h w c"]) -> Float[Array, "n h w c"]:
    return x.reshape(-1, *x.shape[2:])


def _unfold(x: Float[Array, "n h w c"], t: int) -> Float[Array, "b t h w c"]:
    return x.reshape(-1, t, *x.shape[1:])
