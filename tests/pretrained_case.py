"""A tiny pretrained network with the weights and clips of its vectors."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from golden.pretrained import recipe
from rivals_case import QUICK

from dfer_jax.interop import by_name
from dfer_jax.models import create_model


class Case:
    """The vectors of one network, and the network with their weights."""

    def __init__(self, name):
        self.golden = recipe.read(name)
        arguments = self.golden["arguments"]
        self.model = create_model(
            name, **{k: tuple(v) if isinstance(v, list) else v for k, v in arguments.items()}
        )
        self.state_dict = recipe.make_tensors(self.golden["tensors"])
        self.variables = by_name.from_state_dict(self.state_dict, model=self.model)
        self.clips = jnp.asarray(recipe.make_clips(self.golden["input"]))

    @functools.cached_property
    def apply(self):
        """The compiled evaluation of (variables, clips)."""
        return jax.jit(functools.partial(self.model.apply, train=False), compiler_options=QUICK)

    def check(self):
        """Logits and features are the official code's; a clip alone gives the same as with others.

        Returns:
            what the network says of the clips.
        """
        logits, out = self.apply(self.variables, self.clips)
        np.testing.assert_allclose(logits, self.golden["logits"], atol=1e-5)
        np.testing.assert_allclose(
            out["features"][:, :8], self.golden["features_first8"], atol=1e-5
        )
        assert logits.dtype == out["features"].dtype == jnp.float32
        others = self.clips.at[1:].set(1 - self.clips[1:])
        among_others, _ = self.apply(self.variables, others)
        np.testing.assert_allclose(among_others[:1], logits[:1], atol=1e-5)
        assert np.abs(among_others[1:] - logits[1:]).max() > 1e-3, "they are others"
        return logits, out
