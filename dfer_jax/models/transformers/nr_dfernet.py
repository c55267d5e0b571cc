"""NR-DFERNet: differences of frames beside frames, a class token from the clip, a filter at test.

H. Li, M. Sui, Z. Zhu, F. Zhao, "NR-DFERNet: Noise-Robust Network for Dynamic Facial Expression
Recognition", arXiv 2206.04975, 2022; github.com/muse1998/AI-DFERNet at commit 1e0c8bb (MIT), whose
names it takes.

Input: float32 [b, t, h, w, 3], RGB in [0, 1], no mean or standard deviation removed; 16 frames of
112x112. 5.99 GMAC per clip with the filter, 5.64 without.

Deviates: the filter's snippets go through the classifier, which the released code leaves out, so
that its filter cannot run. Of the 18,723,807 published parameters the 4,120 that no output depends
on are not built.
"""

import functools
from collections.abc import Callable
from typing import ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from dfer_jax.errors import UserError
from dfer_jax.models import frame_resnet
from dfer_jax.models.clip_network import ClipNetwork, Output
from dfer_jax.models.layers import dense
from dfer_jax.models.transformers.layers import Learned, add, transformer
from dfer_jax.ops.pooling_3d import max_pool_3d

_SNIPPET, _STEP = 3, 2  # tokens of a snippet, and from one to the next
_REMOVED = -1000.0  # logit of a class that the filter takes away
_ROOT = "s_former"


class NRDFERNet(ClipNetwork):
    """18,719,687 parameters.

    Attributes:
        neutral: index of the neutral class, which the filter may take away in evaluation; -1: no
            filter, and no snippets are looked at.
        most_neutral: probability of neutral up to which a snippet votes against it ...
        least_other: ... if its largest probability is above this.
        votes: snippets that must vote to take neutral away.
    """

    neutral: int = 2
    most_neutral: float = 0.03
    least_other: float = 0.75
    votes: int = 1

    unused: ClassVar[str] = r"s_former\.cls_token|.*\.attn\.\d\..*"

    @nn.compact
    def __call__(self, clips: Float[Array, "b t h w 3"], *, train: bool) -> Output:
        """Classifies clips; see `clip_network.Output`; also `tokens` [b, t-1, d].

        In evaluation also `unfiltered_logits` [b, k] and `snippet_logits` [b, n, k].

        Raises:
            UserError: if an attribute or the shape of `clips` does not fit.
        """
        if self.num_frames < _SNIPPET + 1 or self.neutral >= self.num_classes:
            raise UserError(
                f"model num_frames={self.num_frames} must be at least {_SNIPPET + 1} and "
                f"neutral={self.neutral} below num_classes={self.num_classes}"
            )
        tokens, positions = self._tokens(self._prepare(clips), train=train)
        layer = dense(self.num_classes, fan_in=tokens.shape[-1], name=self.classifier)
        attend = self._transformer("temporal_transformer", mlp=8)

        def class_token(tokens: Float[Array, "m n d"]) -> Float[Array, "m d"]:
            """Returns the class token, which starts as the mean of the others."""
            tokens = jnp.concatenate([tokens.mean(axis=1, keepdims=True), tokens], axis=1)
            return attend(add(tokens, positions))[:, 0].astype(jnp.float32)

        features = class_token(tokens)
        logits = layer(features)
        out = {"features": features, "tokens": tokens, "aux_logits": {}}
        if train or self.neutral < 0:
            return logits, out
        starts = range(0, tokens.shape[1] - _SNIPPET + 1, _STEP)
        snippets = jnp.stack([tokens[:, i : i + _SNIPPET] for i in starts], axis=1)  # [b, n, 3, d]
        of_snippets = class_token(snippets.reshape(-1, _SNIPPET, tokens.shape[-1]))
        snippet_logits = layer(of_snippets).reshape(*snippets.shape[:2], -1)
        out |= {"unfiltered_logits": logits, "snippet_logits": snippet_logits}
        return self._filter(logits, snippet_logits), out

    def _tokens(
        self, x: Float[Array, "b t h w 3"], *, train: bool
    ) -> tuple[Float[Array, "b n d"], Float[Array, "1 t d"]]:
        """Returns a token for each frame but the last, and the positions of tokens."""
        conv, width = functools.partial(self._conv, train=train), self.width
        options = {"kernel": (3, 3), "relu": True}
        names = (f"{_ROOT}.conv1.0", f"{_ROOT}.conv1.1")
        x = conv(x, width, *names, stride=(1, 2, 2), **options)
        x = conv(x, width, f"{_ROOT}.conv1.3", f"{_ROOT}.bn1", **options)
        padding = ((0, 0), (1, 1), (1, 1))
        x = max_pool_3d(x, window=(1, 3, 3), stride=(1, 2, 2), padding=padding)
        for i, stride in enumerate((1, 2, 2)):
            name = f"{_ROOT}.layer{i + 1}.0"
            x = frame_resnet.basic_block(x, width << i, name, conv, stride=stride)
        differences = x[:, 1:] - x[:, :-1]
        for i, stride in enumerate((2, 1, 1)):
            differences = frame_resnet.basic_block(
                differences, 4 * width, f"{_ROOT}.d_branch.{i}", conv, stride=stride
            )
        names = (f"{_ROOT}.patch_embedding.0", f"{_ROOT}.patch_embedding.1")
        static = conv(x[:, :-1], 4 * width, *names, stride=(1, 2, 2), **options)
        b, n, i, j, c = static.shape
        shapes = (
            ("pos_embedding_static", (1, i * j, c)),
            ("temporal_pos_embedding", (1, self.num_frames, i * j * c)),
        )
        places, positions = Learned(shapes, name=_ROOT)()
        static = add(static.reshape(b * n, i * j, c), places)
        static = self._transformer("s_branch", mlp=4)(static).reshape(b, n, i, j, c)
        fused = jnp.moveaxis(static + differences, -1, 2)  # [b, n, c, i, j], the published order
        return fused.reshape(b, n, -1), positions

    def _transformer(self, name: str, *, mlp: int) -> Callable[[Array], Array]:
        return transformer(
            depth=2,
            num_heads=4,
            head_dim=self.width // 2,
            mlp_dim=mlp * self.width,
            name=f"{_ROOT}.{name}",
            dtype=self.dtype,
        )

    def _filter(
        self, logits: Float[Array, "b k"], snippet_logits: Float[Array, "b n k"]
    ) -> Float[Array, "b k"]:
        """Takes neutral away from clips with enough snippets that are surely not neutral."""
        p = nn.softmax(snippet_logits, axis=-1)
        votes = (p[..., self.neutral] <= self.most_neutral) & (p.max(-1) > self.least_other)
        refused = votes.sum(axis=1, keepdims=True) >= self.votes  # [b, 1]
        is_neutral = jnp.arange(logits.shape[-1])[None] == self.neutral
        return jnp.where(refused & is_neutral, _REMOVED, logits)
