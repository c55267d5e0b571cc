import numpy as np
import pytest

from dfer_jax.labels import ACTION_UNITS
from tfds_builders.synthetic_dfer import clips
from tfds_builders.synthetic_dfer.rendering import action_units, expression, face, render

RULES = action_units.RULES
LIGHT = render.Light(direction=(0.3, 0.4, 1.0), color=(1.0, 1.0, 1.0), key=0.7, ambient=0.4)
VIEW = render.View(yaw=0.1, pitch=0.0, roll=0.0, shift=(0.0, 0.0), zoom=1.0)


def active(named):
    labels = action_units.label_units(expression.unit_weights(named)[None])
    assert labels.shape == (1, 12) and labels.dtype == np.int8
    return {name for name, label in zip(ACTION_UNITS, labels[0], strict=True) if label}


def apex(name):
    gain = expression.CLEAR_GAIN
    return active({unit: gain * w for unit, w in expression.RECIPES[name].items()})


def test_every_stored_unit_has_a_rule_in_its_place():
    assert tuple(RULES) == ACTION_UNITS


def test_a_clear_apex_shows_the_units_that_facs_gives_for_it():
    """The prototypes of Ekman and Friesen as far as the twelve units reach."""
    assert active({}) == set()
    assert {"AU6", "AU12"} <= apex("happiness")
    assert {"AU1", "AU15"} <= apex("sadness") and "AU12" not in apex("sadness")
    assert {"AU4", "AU7", "AU23"} <= apex("anger") and "AU25" not in apex("anger")
    assert apex("surprise") == {"AU1", "AU2", "AU25", "AU26"}
    assert {"AU10", "AU15"} <= apex("disgust")
    assert {"AU1", "AU2", "AU4", "AU25", "AU26"} <= apex("fear")


def test_one_side_counts_half():
    assert "AU12" in active({"mouthSmile_": 0.4})
    assert "AU12" not in active({"mouthSmileLeft": 0.4})


def test_pressed_lips_do_not_part():
    assert "AU25" in active({"mouthLowerDown_": 1.0})
    assert "AU25" not in active({"mouthLowerDown_": 1.0, "mouthPress_": 1.0})


def test_factors_of_parting_lips_are_the_gap_in_the_mesh():
    """In pixels, between the lips at the middle of the mouth, with the head straight ahead."""
    head = face.load_head()
    middle = (head.lips > 0.5) & (np.abs(head.vertices[:, 0]) < 0.06)
    falls = middle & (head.units[head.unit_index["jawOpen"], :, 1] < -0.15)
    y = head.vertices[:, 1]
    upper = sorted(np.flatnonzero(middle & ~falls), key=lambda v: y[v])[:4]
    lower = sorted(np.flatnonzero(falls), key=lambda v: -y[v])[:4]
    pixels = 0.325 * render.SIZE / face.EYE_DISTANCE
    for unit, factor in RULES["AU25"].units.items():
        moved = np.tensordot(expression.unit_weights({unit: 1.0}), head.units[..., 1], 1)
        assert pixels * (moved[upper].mean() - moved[lower].mean()) == pytest.approx(
            factor, abs=0.06
        )


@pytest.mark.parametrize("name", ACTION_UNITS)
def test_the_weakest_that_counts_can_be_seen(name):
    """Twelve levels of 255 at the strongest pixel, after averaging over 3x3 of them."""
    rule = RULES[name]
    units = {u: f for u, f in rule.units.items() if f > 0}
    if name == "AU25":
        units = {"mouthLowerDown_": rule.units["mouthLowerDown_"]}
    weight = rule.threshold / sum(f * f for f in units.values())
    named = {unit: 1.001 * weight * factor for unit, factor in units.items()}
    assert name in active(named)
    assert name not in active({unit: 0.99 * w for unit, w in named.items()})
    changes = []
    for identity in range(3):
        who = clips.make_person("visible", identity)
        still, moved = (
            render.render_head(who, expression.unit_weights(n), VIEW, LIGHT)[0] for n in ({}, named)
        )
        change = np.abs(moved - still).mean(2)
        blocks = change[:111, :111].reshape(37, 3, 37, 3).mean((1, 3))
        changes.append(255 * blocks.max())
    assert np.median(changes) > 12
