"""A compared network at width 8, with the weights and clips of its golden file."""

import functools
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import optax
from golden.rivals import recipe

from dfer_jax.interop import by_name
from dfer_jax.models import create_model

GOLDEN = pathlib.Path(__file__).parent / "golden"
QUICK = {"xla_backend_optimization_level": 0}  # compiles several times faster


class Case:
    """One golden file with the network it belongs to."""

    def __init__(self, name, **options):
        self.golden = dict(np.load(GOLDEN / "rivals" / f"{name}.npz"))
        self.model = create_model(name, width=8, **recipe.TINY[name], **options)
        shapes = {
            name: tuple(int(n) for n in shape.split())
            for name, shape in zip(self.golden["names"], self.golden["shapes"], strict=True)
        }
        self.state_dict = recipe.make_state_dict(shapes)
        self.variables = by_name.from_state_dict(self.state_dict, model=self.model)
        self.clips = jnp.asarray(recipe.make_clips(**recipe.TINY[name]))

    @functools.cached_property
    def apply(self):
        """The compiled evaluation of (variables, clips)."""
        function = functools.partial(self.model.apply, train=False)
        return jax.jit(function, compiler_options=QUICK)

    def check_evaluation(self):
        """Logits and features are the golden's, and alone those of a clip are the same."""
        logits, out = self.apply(self.variables, self.clips)
        scale = np.abs(self.golden["logits"]).max()
        np.testing.assert_allclose(logits, self.golden["logits"], atol=1e-5 * scale)
        scale = np.abs(self.golden["features"]).max()
        np.testing.assert_allclose(out["features"], self.golden["features"], atol=1e-5 * scale)
        assert logits.dtype == out["features"].dtype == jnp.float32
        logits = np.asarray(logits)
        others = np.array(self.clips)
        others[1:] = 1 - others[1:]
        among_others = np.asarray(self.apply(self.variables, others)[0])
        np.testing.assert_allclose(among_others[:1], logits[:1], atol=1e-5 * scale)
        assert np.abs(among_others[1:] - logits[1:]).max() > 1e-3 * scale, "they are others"

    def check_training(self):
        """The training loss and the norm of every gradient are the golden's."""

        def loss_of(params):
            variables = {**self.variables, "params": params}
            (logits, _), _ = self.model.apply(
                variables, self.clips, train=True, mutable=["batch_stats"]
            )
            labels = jnp.asarray(recipe.LABELS)
            return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

        step = jax.jit(jax.value_and_grad(loss_of), compiler_options=QUICK)
        loss, gradients = step(self.variables["params"])
        np.testing.assert_allclose(loss, self.golden["loss"], rtol=1e-5)
        known = zip(self.golden["gradient_names"], self.golden["gradient_norms"], strict=True)
        norms = {
            str(name): np.full(self.state_dict[name].shape, norm, np.float32)
            for name, norm in known
        }
        whole = np.linalg.norm(self.golden["gradient_norms"])
        expected = by_name.from_state_dict({**self.state_dict, **norms}, model=self.model)
        jax.tree.map(
            lambda ours, norm: np.testing.assert_allclose(
                np.linalg.norm(np.ravel(ours)), np.ravel(norm)[0], rtol=1e-3, atol=1e-5 * whole
            ),
            gradients,
            expected["params"],
        )


def published(name):
    """Returns the published names and shapes, but for BatchNorm's counters."""
    lines = (GOLDEN / "published_names" / f"{name}.tsv").read_text().splitlines()
    pairs = (line.split("\t") for line in lines)
    return {
        name: tuple(int(n) for n in shape.strip("()").split(",") if n.strip())
        for name, shape in pairs
        if not name.endswith("num_batches_tracked")
    }


def own(model):
    """Returns the published names of our parameters and statistics, with their shapes there."""
    leaves = jax.tree.leaves(by_name.wanted(model), is_leaf=lambda x: hasattr(x, "convert"))
    return {tensor.name: tensor.shape for tensor in leaves}
