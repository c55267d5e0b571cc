"""M3DFEL: a clip as a bag of four short clips, each seen by a 3D ResNet.

H. Wang, B. Li, S. Wu, S. Shen, F. Liu, S. Ding, A. Zhou, "Rethinking the Learning Paradigm for
Dynamic Facial Expression Recognition", CVPR 2023; github.com/Tencent/TFace, attribute/M3DFEL, at
commit 171ec14 (Apache-2.0), whose names it has.

Input: float32 [b, t, h, w, 3], RGB in [0, 1], no mean or standard deviation removed, although the
backbone starts from Kinetics weights; 16 frames of 112x112 in instances of 4. 43.19 GMAC per clip,
where the paper says 1.65.

Deviates: a single clip keeps its axis, which the released code squeezes away.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from dfer_jax.errors import UserError
from dfer_jax.models.clip_network import Output, global_mean
from dfer_jax.models.conv3d.video_resnet import R3D18
from dfer_jax.models.layers import dense, uniform
from dfer_jax.models.recurrent.layers import LSTM

_FRAMES = 4  # of an instance
_HEADS = 8


class InstanceNormalisation(nn.Module):
    """Normalises by statistics of each feature over the instances, mixed with those of the clip.

    The two shares of means and of variances are softmaxes of learned pairs (the paper's DMIN).
    """

    @nn.compact
    def __call__(self, x: Float[Array, "b n d"]) -> Float[Array, "b n d"]:
        """Returns the instances normalised, float32; the variance over them is the unbiased one."""
        ones, zeros, shape = nn.initializers.ones, nn.initializers.zeros, (1, x.shape[-1], 1)
        scale = self.param("weight", ones, shape, jnp.float32).reshape(1, 1, -1)
        bias = self.param("bias", zeros, shape, jnp.float32).reshape(1, 1, -1)
        means = nn.softmax(self.param("mean_weight", ones, (2,), jnp.float32))
        variances = nn.softmax(self.param("var_weight", ones, (2,), jnp.float32))
        mean = x.mean(axis=1, keepdims=True)  # [b, 1, d]
        variance = x.var(axis=1, keepdims=True, ddof=1)
        of_all = mean.mean(axis=2, keepdims=True)  # [b, 1, 1]
        spread = (variance + mean**2).mean(axis=2, keepdims=True) - of_all**2
        centre = means[0] * mean + means[1] * jnp.broadcast_to(of_all, mean.shape)
        width = variances[0] * variance + variances[1] * jnp.broadcast_to(spread, mean.shape)
        factor = jnp.broadcast_to(scale, mean.shape) / jnp.sqrt(width + 1e-5)
        centred = x - jnp.broadcast_to(centre, x.shape)
        return centred * jnp.broadcast_to(factor, x.shape) + jnp.broadcast_to(bias, x.shape)


class M3DFEL(R3D18):
    """46,823,384 parameters."""

    places: ClassVar[tuple[str, ...]] = tuple(f"features.{i}" for i in range(5))
    pretrained: ClassVar[Mapping[int, str]] = MappingProxyType({})

    @nn.compact
    def __call__(self, clips: Float[Array, "b t h w 3"], *, train: bool) -> Output:
        """Classifies clips; see `clip_network.Output`; also `instances` [b, n, d].

        Raises:
            UserError: if an attribute or the shape of `clips` does not fit.
        """
        if self.num_frames % _FRAMES or self.num_frames < 2 * _FRAMES:
            raise UserError(f"model num_frames is {self.num_frames}; it must be 8, 12, 16 or so")
        x = self._prepare(clips)
        b, n = x.shape[0], self.num_frames // _FRAMES
        x = global_mean(self._maps(x.reshape(b * n, _FRAMES, *x.shape[2:]), train=train))
        options = {"num_layers": 2, "bidirectional": True, "dtype": self.dtype, "name": "lstm"}
        instances = LSTM(8 * self.width, **options)(x.reshape(b, n, -1))  # [b, n, d]
        gate = nn.sigmoid(InstanceNormalisation(name="norm")(self._attend(instances)))
        joined = _Pointwise(name="pwconv")(instances * gate)  # [b, d]
        logits, out = self._classify(joined)
        return logits, {"instances": instances, **out}

    def _attend(self, x: Float[Array, "b n d"]) -> Float[Array, "b n d"]:
        """Attention among the instances; no residual, no normalisation, no projection behind it."""
        b, n, d = x.shape
        project = dense(3 * d, fan_in=d, use_bias=False, dtype=self.dtype, name="to_qkv")
        qkv = project(x).reshape(b, n, 3, _HEADS, d // _HEADS)
        q, k, v = qkv[:, :, 0], qkv[:, :, 1], qkv[:, :, 2]  # [b, n, g, e]
        scores = jnp.einsum("bqge,bkge->bgqk", q, k, preferred_element_type=jnp.float32)
        weights = nn.softmax(scores * (d // _HEADS) ** -0.5, axis=-1).astype(v.dtype)
        y = jnp.einsum("bgqk,bkge->bqge", weights, v)
        return y.reshape(b, n, d).astype(jnp.float32)


class _Pointwise(nn.Module):
    """A convolution over three neighbouring features that sums up the instances."""

    @nn.compact
    def __call__(self, x: Float[Array, "b n d"]) -> Float[Array, "b d"]:
        init = uniform((3 * x.shape[1]) ** -0.5)
        kernel = self.param("kernel", init, (3, x.shape[1], 1), jnp.float32)
        bias = self.param("bias", init, (1,), jnp.float32)
        padded = jnp.pad(x, ((0, 0), (0, 0), (1, 1)))
        y = sum(
            jnp.einsum("bnd,n->bd", padded[:, :, i : i + x.shape[2]], kernel[i, :, 0])
            for i in range(3)
        )
        return y + jnp.broadcast_to(bias, y.shape)
