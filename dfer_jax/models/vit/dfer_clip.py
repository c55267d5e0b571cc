"""DFER-CLIP: CLIP's picture of each frame, a transformer over them, the nearest class's text.

Z. Zhao, I. Patras, "Prompting Visual-Language Models for Dynamic Facial Expression Recognition",
BMVC 2023; github.com/zengqunzhao/DFER-CLIP at commit d10d5a4 (MIT), whose weights and names it
takes.

Input: float32 [b, t, h, w, 3], RGB in [0, 1], no mean or standard deviation removed, although CLIP
was trained with some; 16 frames of 224x224. 70.58 GMAC per clip.

Deviates: the vectors of the classes' texts are parameters here, made once when a published file is
read (`dfer_jax.interop.dfer_clip`); the released code keeps the text tower, trains the prompts in
front of it, and makes the same vectors anew at every step.
"""

from typing import ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from dfer_jax.errors import UserError
from dfer_jax.models.clip_network import ClipNetwork, Output
from dfer_jax.models.transformers.layers import Learned, add, transformer
from dfer_jax.models.vit.clip_towers import EMBEDDING, VisualTower

_SCALE = 100.0  # of the cosines; the one in published files is not used
_SMALLEST = 1e-24  # squared length of a vector, so that none is divided by zero


class DFERCLIP(ClipNetwork):
    """89,959,680 parameters of pictures and time, and 512 for each class.

    Attributes:
        depth: layers of the visual tower.
    """

    image_size: int = 224
    width: int = 768
    depth: int = 12

    classifier: ClassVar[str] = "text_features"

    @nn.compact
    def __call__(self, clips: Float[Array, "b t h w 3"], *, train: bool) -> Output:
        """Classifies clips; see `clip_network.Output`; also `frame_features` [b, t, d].

        Raises:
            UserError: if the width or the shape of `clips` does not fit.
        """
        del train  # the same in both
        if self.width % 64:
            raise UserError(f"model width is {self.width}; it must be a multiple of 64")
        x = self._prepare(clips)
        tower = VisualTower(self.width, self.depth, dtype=self.dtype, name="image_encoder")
        frames = tower(x.reshape(-1, *x.shape[2:])).reshape(*x.shape[:2], EMBEDDING)
        features = self._attend_to_frames(frames.astype(self.dtype)).astype(jnp.float32)
        out = {"frame_features": frames, "features": features, "aux_logits": {}}
        return self._compare(features), out

    def _attend_to_frames(self, x: Float[Array, "b t d"]) -> Float[Array, "b d"]:
        """One layer over a class token and the frames; returns the class token."""
        b, t, d = x.shape
        shapes = (("cls_token", (1, 1, d)), ("pos_embedding", (1, t + 1, d)))
        token, positions = Learned(shapes, name="temporal_net")()
        x = jnp.concatenate([jnp.broadcast_to(token, (b, 1, d)).astype(x.dtype), x], axis=1)
        attend = transformer(
            depth=1,
            num_heads=8,
            head_dim=64,
            mlp_dim=1024,
            name="temporal_net.temporal_transformer",
            dtype=self.dtype,
        )
        return attend(add(x, positions))[:, 0]

    def _compare(self, features: Float[Array, "b d"]) -> Float[Array, "b k"]:
        """Returns the cosines with the classes' vectors, times 100, float32."""
        shape, init = (self.num_classes, EMBEDDING), nn.initializers.normal(1.0)
        texts = self.param(self.classifier, init, shape, jnp.float32)
        return _SCALE * jnp.dot(_unit(features), _unit(texts).T, precision="highest")


def _unit(x: Float[Array, "n d"]) -> Float[Array, "n d"]:
    """Returns the vectors with length 1."""
    squared = jnp.maximum((x * x).sum(axis=-1, keepdims=True), _SMALLEST)
    return x / jnp.broadcast_to(jnp.sqrt(squared), x.shape)
