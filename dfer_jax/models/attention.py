"""Channel gates of the GCA+IAL study: SE, the channel branch of CBAM, and GCA.

H. Li et al., "Intensity-Aware Loss for Dynamic Facial Expression Recognition in the Wild", AAAI
2023, arXiv 2208.10335, section "Global Convolution-Attention Block". All gates give one number per
frame and channel; the small gate network is computed in float32.
"""

from collections.abc import Mapping
from typing import Literal

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from dfer_jax.ops.conv_norm import kaiming_fan_out
from dfer_jax.ops.largest import largest

ATTENTIONS = ("none", "se", "cbam", "gca")


class ChannelGate(nn.Module):
    """Multiplies every channel of every frame by a gate computed from the frame's descriptor.

    With z the descriptor and s = sigmoid(W2 relu(W1 z)), both bias-free with reduction r (Eq. 6):

    - `gca`: z is the correlation of each channel with a learned kernel of the size of the map
      (Eq. 7). The gate is sqrt(2s * mean_t(2s) + 1e-5), in (0, 2.01): it can suppress and amplify.
      Without the temporal factor it is 2s.
    - `se`: z is the spatial mean, the gate is s (Eqs. 1-3).
    - `cbam`: the gate is sigmoid(f(mean) + f(max)) with f = W2 relu(W1 .) shared by both.
    - `none`: no gate; only the spatial mean is returned, for an auxiliary head.

    Deviates: the paper writes 2 sqrt(s * mean_t(s)) (Eq. 5); the 1e-5 is the released code's, kept
    because it bounds the gradient of the square root. The paper gives no formula for its CBAM.

    Attributes:
        kind: `none`, `se`, `cbam` or `gca`.
        num_frames: frames per clip, folded into the leading axis.
        reduction: r, the factor between the channels and the bottleneck of the gate.
        temporal_factor: whether the GCA gate contains the mean over the frames of the clip.
    """

    kind: Literal["none", "se", "cbam", "gca"]
    num_frames: int
    reduction: int = 16
    temporal_factor: bool = True

    @nn.compact
    def __call__(
        self, x: Float[Array, "n h w c"]
    ) -> tuple[Float[Array, "n h w c"], Mapping[str, Float[Array, "b t c"]]]:
        """Returns the gated map and `descriptor` and (unless `none`) `gate`, float32 [b, t, c].

        Args:
            x: feature maps, clips and frames folded: n = b * t.
        """
        z = self._global_convolution(x) if self.kind == "gca" else _spatial_mean(x)  # [n, c]
        out = {"descriptor": z.reshape(-1, self.num_frames, z.shape[-1])}
        if self.kind == "none":
            return x, out
        gate = out["gate"] = self._gate(out["descriptor"], x)  # [b, t, c]
        return x * gate.reshape(-1, 1, 1, z.shape[-1]).astype(x.dtype), out

    def _global_convolution(self, x: Float[Array, "n h w c"]) -> Float[Array, "n c"]:
        """Depth-wise convolution whose kernel is the whole map (Eq. 7)."""
        height, width, channels = x.shape[1:]
        stddev = (2 / (channels * height * width)) ** 0.5  # Kaiming fan-out, as any convolution
        init = nn.initializers.normal(stddev)
        kernel = self.param("kernel", init, (height, width, channels), jnp.float32)
        # A product and a sum, not a grouped convolution: map and kernel meet at one place only. As
        # an einsum it would be a matrix product for each channel, with both turned for it first.
        return (x.astype(jnp.float32) * jnp.broadcast_to(kernel, x.shape)).sum(axis=(1, 2))

    def _gate(self, z: Float[Array, "b t c"], x: Float[Array, "n h w c"]) -> Float[Array, "b t c"]:
        channels = z.shape[-1]
        options = {"use_bias": False, "kernel_init": kaiming_fan_out}
        fc1 = nn.Dense(channels // self.reduction, name="fc1", **options)
        fc2 = nn.Dense(channels, name="fc2", **options)
        logits = fc2(nn.relu(fc1(z)))
        if self.kind == "cbam":
            peak = largest(x.reshape(x.shape[0], -1, channels), 1)
            peak = peak.astype(jnp.float32).reshape(z.shape)
            logits = logits + fc2(nn.relu(fc1(peak)))
        if self.kind != "gca":
            return nn.sigmoid(logits)
        s = 2 * nn.sigmoid(logits)
        if not self.temporal_factor:
            return s
        return jnp.sqrt(s * s.mean(axis=1, keepdims=True) + 1e-5)


def _spatial_mean(x: Float[Array, "n h w c"]) -> Float[Array, "n c"]:
    return x.astype(jnp.float32).mean(axis=(1, 2))
