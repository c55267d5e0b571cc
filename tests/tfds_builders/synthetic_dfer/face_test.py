import numpy as np

from dfer_jax.labels import CLASSES
from tfds_builders.synthetic_dfer.rendering import expression, face, render, skin


def person(seed):
    rng = np.random.default_rng(seed)
    shape = face.sample_shape(rng)
    return render.build_person(shape, skin.sample_look(rng, shape))


def draw(who, coefficients):
    light = render.Light(direction=(0.3, 0.4, 1.0), color=(1.0, 1.0, 1.0), key=0.7, ambient=0.4)
    view = render.View(yaw=0.1, pitch=0.0, roll=0.0, shift=(0.0, 0.0), zoom=1.0)
    return render.render_head(who, coefficients, view, light)


def test_every_identity_has_its_eyes_in_the_same_place():
    head = face.load_head()
    for seed in range(5):
        rest = face.build_face(face.sample_shape(np.random.default_rng(seed))).rest
        left, right = (rest[head.part == p].mean(0) for p in (face.LEFT_EYE, face.RIGHT_EYE))
        np.testing.assert_allclose((left + right) / 2, 0, atol=1e-5)
        np.testing.assert_allclose(np.linalg.norm(left - right), face.EYE_DISTANCE, rtol=1e-4)


def test_identities_differ_more_than_renders_of_one():
    still = np.zeros(len(face.load_head().units), np.float32)
    images = [draw(person(seed), still)[0] for seed in range(4)]
    for i in range(4):
        assert np.array_equal(images[i], draw(person(i), still)[0])
        for j in range(i):
            assert np.abs(images[i] - images[j]).mean() > 0.02


def test_normals_point_outwards_and_have_unit_length():
    head = face.load_head()
    normals = face.vertex_normals(head.vertices, head)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, rtol=1e-4)
    tip_of_nose = np.argmax(np.where(head.part == face.SKIN, head.vertices[:, 2], -9))
    assert normals[tip_of_nose, 2] > 0.8


def test_recipes_name_all_classes_and_act_on_both_sides():
    assert set(expression.RECIPES) == set(CLASSES)
    assert not expression.unit_weights(expression.RECIPES["neutral"]).any()
    index = face.load_head().unit_index
    smile = expression.unit_weights(expression.RECIPES["happiness"])
    assert smile[index["mouthSmileLeft"]] == smile[index["mouthSmileRight"]] > 0


def test_smile_lifts_the_corners_of_the_mouth_and_surprise_opens_it():
    head = face.load_head()
    neutral = face.build_face(face.sample_shape(np.random.default_rng(0)))
    lips = head.lips > 0.5
    corner = np.flatnonzero(lips)[np.argmax(neutral.rest[lips, 0])]
    lowest = np.flatnonzero(lips)[np.argmin(neutral.rest[lips, 1])]
    smile = neutral.deform(expression.unit_weights(expression.RECIPES["happiness"]))
    gape = neutral.deform(expression.unit_weights(expression.RECIPES["surprise"]))
    assert smile[corner, 1] > neutral.rest[corner, 1] + 0.03
    assert gape[lowest, 1] < neutral.rest[lowest, 1] - 0.1


def test_every_expression_changes_the_picture_in_proportion_to_its_gain():
    who = person(1)
    neutral, _ = draw(who, expression.unit_weights({}))
    for name in CLASSES:
        recipe = expression.unit_weights(expression.RECIPES[name])
        changes = [np.abs(draw(who, gain * recipe)[0] - neutral).mean() for gain in (0.3, 0.8, 1.5)]
        if name == "neutral":
            assert changes == [0, 0, 0]
        else:
            assert 0.0005 < changes[0] < changes[1] < changes[2]


def test_a_head_covers_the_middle_and_its_colours_are_valid():
    color, coverage = draw(person(2), expression.unit_weights({"jawOpen": 1.0}))
    assert color.shape == (render.SIZE, render.SIZE, 3) and color.dtype == np.float32
    assert coverage[40:80, 40:80].min() == 1
    assert color.min() >= 0 and color.max() <= 1 and np.isfinite(color).all()
