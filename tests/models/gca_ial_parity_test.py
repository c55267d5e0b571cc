"""The network against an independent PyTorch statement of it, from the same weights.

`tests/golden/make_gca_ial_golden.py` made the expected values with PyTorch float32.
"""

import functools
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from golden import gca_ial_recipe as recipe

from dfer_jax.interop import gca_ial
from dfer_jax.models.gca_ial import GCAIAL
from dfer_jax.training import losses, optim

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
TINY = {"width": 8, "image_size": 48, "num_frames": 5, "reduction": 4}
LOSS = {"ial_weight": 0.1, "aux_weights": {"layer2": 0.05, "layer3": 0.0}}


class Case:
    """One golden file with the model, weights and clips it belongs to."""

    def __init__(self, file, options):
        self.golden = dict(np.load(GOLDEN / file))
        self.model = GCAIAL(**options)
        shapes = {
            name: tuple(int(n) for n in shape.split())
            for name, shape in zip(self.golden["names"], self.golden["shapes"], strict=True)
        }
        self.state_dict = recipe.make_state_dict(shapes)
        self.variables = gca_ial.from_state_dict(self.state_dict, model=self.model)
        self.labels = jnp.asarray(self.golden["labels"])
        clips = recipe.make_clips(
            num_clips=len(self.labels),
            num_frames=self.model.num_frames,
            image_size=self.model.image_size,
        )
        self.clips = jnp.asarray(clips)
        self.gradient = jax.jit(jax.value_and_grad(self._loss, has_aux=True))

    def _loss(self, params):
        variables = {"params": params, "batch_stats": self.variables["batch_stats"]}
        (logits, out), updated = self.model.apply(
            variables, self.clips, train=True, mutable=["batch_stats"]
        )
        total, parts = losses.clip_loss(logits, out["aux_logits"], self.labels, **LOSS)
        parts = {name: part.mean() for name, part in parts.items()}
        return total.mean(), (parts, updated["batch_stats"])

    @functools.cached_property
    def start(self):
        """Loss, (its parts, running statistics) and gradients at the golden's weights."""
        return self.gradient(self.variables["params"])

    def in_our_layout(self, arrays):
        """Returns our variable tree with these arrays of the reference in it."""
        return gca_ial.from_state_dict({**self.state_dict, **arrays}, model=self.model)

    @functools.cached_property
    def evaluated(self):
        """Logits and intermediates with the running statistics."""
        return jax.jit(functools.partial(self.model.apply, train=False))(self.variables, self.clips)

    def train(self, *, rate, decay, num_losses):
        """Returns the losses of successive SGD steps on the golden's clips."""
        tx = optim.make_optimizer(optax.constant_schedule(rate), momentum=0.9, weight_decay=decay)

        @jax.jit
        def update(gradients, state, params):
            updates, state = tx.update(gradients, state, params)
            return optax.apply_updates(params, updates), state

        params = self.variables["params"]
        state = tx.init(params)
        (loss, _), gradients = self.start
        trajectory = [float(loss)]
        while len(trajectory) < num_losses:
            params, state = update(gradients, state, params)
            (loss, _), gradients = self.gradient(params)
            trajectory.append(float(loss))
        return trajectory


@pytest.fixture(scope="module")
def full():
    return Case("gca_ial.npz", {})


@pytest.fixture(scope="module")
def tiny():
    return Case("gca_ial_tiny.npz", TINY)


def _check_evaluation(case, *, atol):
    logits, out = case.evaluated
    found = {
        "logits": logits,
        "features": out["features"],
        **{f"aux_{stage}": value for stage, value in out["aux_logits"].items()},
        **{f"gates_{stage}": value for stage, value in out["gates"].items()},
    }
    assert len(found) == 6
    for name, value in found.items():
        np.testing.assert_allclose(value, case.golden[f"eval/{name}"], atol=atol, err_msg=name)


def _check_losses(case, *, rtol):
    total, (parts, _) = case.start[0]
    found = {name: parts[name] for name in ("ce", "ial", "aux_layer2", "aux_layer3")}
    for name, value in {**found, "total": total}.items():
        expected = case.golden[f"train/{name}"]
        np.testing.assert_allclose(value, expected, rtol=rtol, err_msg=name)


def _check_gradient_norms(case, *, rtol):
    golden = zip(case.golden["gradient_names"], case.golden["gradient_norms"], strict=True)
    norms = {
        str(name): np.full(case.state_dict[name].shape, norm, np.float32) for name, norm in golden
    }
    jax.tree.map(
        lambda ours, norm: np.testing.assert_allclose(
            np.linalg.norm(np.ravel(ours)), np.ravel(norm)[0], rtol=rtol
        ),
        case.start[1],
        case.in_our_layout(norms)["params"],
    )


TRAJECTORIES = {"small": (2e-5, 5.0, 6), "released": (1e-3, 0.1, 2)}


def _check_trajectory(case, name, *, rtol):
    rate, decay, num_losses = TRAJECTORIES[name]
    trajectory = case.train(rate=rate, decay=decay, num_losses=num_losses)
    np.testing.assert_allclose(trajectory, case.golden[f"trajectory/{name}"], rtol=rtol)


def test_full_evaluation(full):
    _check_evaluation(full, atol=1e-4)


@pytest.mark.soak(reason="the whole network; a narrow one holds every gradient below")
def test_full_losses_and_gradient_norms(full):
    _check_losses(full, rtol=1e-5)
    _check_gradient_norms(full, rtol=1e-3)


@pytest.mark.soak(reason="steps of the whole network; a narrow one takes the same below")
@pytest.mark.parametrize("name", TRAJECTORIES)
def test_full_sgd_trajectory(full, name):
    _check_trajectory(full, name, rtol=1e-3)


def test_tiny_evaluation(tiny):
    _check_evaluation(tiny, atol=1e-5)


def test_tiny_maps_are_those_of_the_reference(tiny):
    _, out = tiny.evaluated
    for name in ("dynamic", "static"):
        ours = np.moveaxis(out[name], -1, 2).reshape(tiny.golden[f"eval/{name}"].shape)
        np.testing.assert_allclose(ours, tiny.golden[f"eval/{name}"], atol=1e-5, err_msg=name)
    np.testing.assert_allclose(out["tokens"], tiny.golden["eval/tokens"], atol=1e-5)


def test_tiny_losses_and_every_gradient(tiny):
    _check_losses(tiny, rtol=1e-5)
    _check_gradient_norms(tiny, rtol=1e-4)
    gradients = {
        name.removeprefix("gradient/"): value
        for name, value in tiny.golden.items()
        if name.startswith("gradient/")
    }
    jax.tree.map(
        lambda ours, expected: np.testing.assert_allclose(
            ours, expected, atol=1e-5 + 1e-5 * np.abs(expected).max()
        ),
        tiny.start[1],
        tiny.in_our_layout(gradients)["params"],
    )


@pytest.mark.parametrize("name", TRAJECTORIES)
def test_tiny_sgd_trajectory(tiny, name):
    _check_trajectory(tiny, name, rtol=2e-5)


def test_tiny_running_statistics_but_for_the_unbiased_variance(tiny):
    running = {
        name.removeprefix("running/"): value
        for name, value in tiny.golden.items()
        if name.startswith("running/")
    }
    ours, start = tiny.start[0][1][1], tiny.variables["batch_stats"]
    theirs = tiny.in_our_layout(running)["batch_stats"]
    elements = {"stem": 24**2 * 10, "layer1": 12**2 * 10, "layer2": 6**2 * 10, "layer3": 3**2 * 10}
    for path, value in jax.tree_util.tree_leaves_with_path(ours):
        keys = [entry.key for entry in path]
        old, expected = (functools.reduce(dict.__getitem__, keys, t) for t in (start, theirs))
        if keys[-1] == "var":  # PyTorch averages n / (n - 1) times the variance
            n = elements.get(keys[0].split("_")[0], 2**2 * 8)  # dynamic and static branch
            expected = old * 0.9 + (expected - old * 0.9) * (n - 1) / n
        np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-5, err_msg=str(keys))
