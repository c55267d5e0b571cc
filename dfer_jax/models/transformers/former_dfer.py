"""Former-DFER: a transformer over the places of each frame, and one over the frames.

Z. Zhao, Q. Liu, "Former-DFER: Dynamic Facial Expression Recognition Transformer", ACM MM 2021;
github.com/zengqunzhao/Former-DFER at commit 1b5ad6f (MIT), whose weights and names it takes.

Input: float32 [b, t, h, w, 3], RGB in [0, 1], no mean or standard deviation removed; 16 frames of
112x112.
"""

import functools

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from dfer_jax.models import frame_resnet
from dfer_jax.models.clip_network import ClipNetwork, Output
from dfer_jax.models.transformers.layers import Learned, add, transformer


class FormerDFER(ClipNetwork):
    """18,031,943 parameters."""

    @nn.compact
    def __call__(self, clips: Float[Array, "b t h w 3"], *, train: bool) -> Output:
        """Classifies clips; see `clip_network.Output`; also `frame_features` [b, t, d].

        Raises:
            UserError: if the width or the shape of `clips` does not fit.
        """
        conv = functools.partial(self._conv, train=train)
        x = frame_resnet.stem(self._prepare(clips), self.width, conv, prefix="s_former.")
        x = frame_resnet.stages(x, self.width, conv, prefix="s_former.", which=(1, 2, 3))
        x = self._attend_to_places(x)
        x = frame_resnet.stages(x, self.width, conv, prefix="s_former.", which=(4,))
        frames = x.astype(jnp.float32).mean(axis=(2, 3))  # [b, t, d]
        logits, out = self._classify(self._attend_to_frames(frames))
        return logits, {"frame_features": frames, **out}

    def _attend_to_places(self, x: Float[Array, "b t h w c"]) -> Float[Array, "b t h w c"]:
        """One layer over the places of each frame, row by row."""
        tokens = x.reshape(x.shape[0] * x.shape[1], -1, x.shape[-1])
        shapes = (("pos_embedding", (1, *tokens.shape[1:])),)
        (positions,) = Learned(shapes, name="s_former")()
        attend = transformer(
            depth=1,
            num_heads=8,
            head_dim=self.width // 2,
            mlp_dim=8 * self.width,
            name="s_former.spatial_transformer",
            dtype=self.dtype,
        )
        return attend(add(tokens, positions)).reshape(x.shape)

    def _attend_to_frames(self, x: Float[Array, "b t d"]) -> Float[Array, "b d"]:
        """Three layers over a class token and the frames; returns the class token."""
        b, t, d = x.shape
        shapes = (("cls_token", (1, 1, d)), ("pos_embedding", (1, t + 1, d)))
        token, positions = Learned(shapes, name="t_former")()
        x = jnp.concatenate([jnp.broadcast_to(token, (b, 1, d)), x], axis=1).astype(self.dtype)
        attend = transformer(
            depth=3,
            num_heads=8,
            head_dim=self.width,
            mlp_dim=16 * self.width,
            name="t_former.spatial_transformer",
            dtype=self.dtype,
        )
        return attend(add(x, positions))[:, 0]
