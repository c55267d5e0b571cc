import collections
import itertools

import cv2
import numpy as np
import pytest

from dfer_jax.labels import ACTION_UNITS, CLASSES, EXPRESSIONS
from tfds_builders.aff_wild2.aff_wild2_dataset_builder import Builder as AffWild2
from tfds_builders.synthetic_dfer import clips, configs, videos
from tfds_builders.synthetic_dfer.rendering import camera, expression, performance
from tfds_builders.synthetic_dfer.synthetic_dfer_dataset_builder import Builder

CONFIGS = {c.name: c for c in configs.CONFIGS if isinstance(c, configs.VideosConfig)}
NEUTRAL = CLASSES.index("neutral")
PEAKS = ((1.0, (0.8, 1.0)),)


def runs(values):
    """Lengths of the runs of True."""
    return [len(list(run)) for value, run in itertools.groupby(values) if value]


def missing(example):
    """Whether each row has no picture."""
    found = np.zeros(example["num_rows"], bool)
    found[example["frame_numbers"] - 1] = True
    return ~found


def perform(seed, frames=140):
    rng = np.random.default_rng(seed)
    return performance.sample_performance(rng, frames=frames, peaks=PEAKS, nuisance=0.4)


@pytest.fixture(scope="module")
def labelled():
    """Every video of `frames` without its pictures: split -> examples."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(camera, "record", lambda person, weights, *_: [b""] * len(weights))
        patch.setattr(clips, "make_person", lambda *_: None)
        return {
            split: [
                videos.make_video(plan)
                for plan in videos.plan_videos(CONFIGS["frames"].split_plan(split))
            ]
            for split in ("train", "test")
        }


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    builder = Builder(config="frames_smoke", data_dir=tmp_path_factory.mktemp("data"))
    builder.download_and_prepare()
    return builder


def test_features_are_those_of_aff_wild2_and_the_truth(built, tmp_path):
    ours = built.info.features
    for config in ("expr", "au"):
        theirs = AffWild2(config=config, data_dir=tmp_path).info.features
        for name, feature in theirs.items():
            assert ours[name].get_tensor_info() == feature.get_tensor_info(), name
    assert tuple(ours["expressions"].feature.names) == EXPRESSIONS
    assert set(ours) - set(theirs) == {"expressions", "intensity"} and "label" not in ours


def test_reads_back_what_was_made(built):
    for split in ("train", "test"):
        plans = {
            p.clip_id: p for p in videos.plan_videos(CONFIGS["frames_smoke"].split_plan(split))
        }
        source = built.as_data_source(split=split)
        assert len(source) == len(plans)
        for example in source:
            made = videos.make_video(plans[example["clip_id"].decode()])
            assert example["group"].decode() == made["group"]
            assert example["subject"] == b"" and example["num_rows"] == made["num_rows"]
            for name in ("frame_numbers", "expressions", "action_units", "valid", "intensity"):
                np.testing.assert_array_equal(example[name], made[name], err_msg=name)
                assert len(example[name]) == example["num_frames"] == len(example["frames"])
            first = cv2.imdecode(np.frombuffer(made["frames"][0], np.uint8), cv2.IMREAD_COLOR)
            assert first.shape == example["frames"][0].shape == (112, 112, 3)


def test_videos_do_not_depend_on_order_or_number_of_processes():
    plans = videos.plan_videos(CONFIGS["frames_smoke"].split_plan("test"))
    one = {e["clip_id"]: e["frames"] for e in videos.make_videos(plans, processes=1)}
    two = {e["clip_id"]: e["frames"] for e in videos.make_videos(plans[::-1], processes=2)}
    assert len(one) == 4 and one == two


def test_people_keep_to_a_split_and_some_have_several_videos(labelled):
    people = {s: collections.Counter(e["group"] for e in labelled[s]) for s in labelled}
    assert not people["train"].keys() & people["test"].keys()
    assert len(people["train"]) == 40 and len(people["test"]) == 16
    assert all(max(counts.values()) == 2 for counts in people.values())


@pytest.mark.parametrize("split", ["train", "test"])
def test_holes_short_videos_and_stretches_without_annotation_occur(labelled, split):
    examples = labelled[split]
    rows = sorted(e["num_rows"] for e in examples)
    assert rows[:3] == [1, 5, 8] and rows[3] >= 60 and rows[-1] <= 160
    holes = [length for e in examples for length in runs(missing(e))]
    assert min(holes) == 1 and sum(length > 8 for length in holes) >= len(examples) // 5
    unknown = [runs(~e["valid"]) for e in examples]
    assert len(examples) / 3 < sum(map(bool, unknown)) < len(examples) / 1.5
    for example in examples:
        assert (np.diff(example["frame_numbers"]) > 0).all()
        assert example["frame_numbers"][-1] <= example["num_rows"]
        assert len(example["valid"]) > 0 and example["valid"].any()
        for name in ("expressions", "action_units"):
            unlabelled = (example[name].reshape(len(example["valid"]), -1) == -1).all(1)
            np.testing.assert_array_equal(unlabelled, ~example["valid"])


def test_every_class_and_action_unit_occurs_often_enough_to_learn_but_not_always(labelled):
    valid = np.concatenate([e["valid"] for e in labelled["train"]])
    shown = np.concatenate([e["expressions"] for e in labelled["train"]])[valid]
    units = np.concatenate([e["action_units"] for e in labelled["train"]])[valid]
    shares = np.bincount(shown, minlength=8) / len(shown)
    assert shares[:7].min() > 0.07 and 0.25 < shares[NEUTRAL] < 0.5 and shares[7] == 0
    assert len(units[0]) == len(ACTION_UNITS)
    assert units.mean(0).min() > 0.03 and units.mean(0).max() < 0.6


def test_action_units_are_not_another_name_of_the_expression(labelled):
    """Each unit that the single movements have is on in some neutral frames and off in others."""
    shown, units = (
        np.concatenate([e[name][e["valid"]] for e in labelled["train"]])
        for name in ("expressions", "action_units")
    )
    neutral = dict(zip(ACTION_UNITS, units[shown == NEUTRAL].mean(0), strict=True))
    for name in ("AU1", "AU2", "AU4", "AU7", "AU10", "AU23", "AU24", "AU25", "AU26"):
        assert 0.02 < neutral[name] < 0.6, name


@pytest.mark.parametrize("seed", range(5))
def test_expressions_follow_the_intensity_with_neutral_in_between(seed):
    played = perform(seed)
    clear = played.intensity >= performance.SHOWN_FROM
    assert (played.expressions[~clear] == NEUTRAL).all()
    assert (played.expressions[clear] != NEUTRAL).all()
    order = [key for key, _ in itertools.groupby(played.expressions)]
    assert all(a == NEUTRAL or b == NEUTRAL for a, b in itertools.pairwise(order))
    named = [key for key in order if key != NEUTRAL]
    assert len(named) >= 3 and len(set(named[:3])) == 3
    assert played.intensity.min() >= 0 and 0.75 < played.intensity.max() <= 1


@pytest.mark.parametrize("seed", range(3))
def test_weights_are_those_of_the_expression_that_is_named(seed):
    played = perform(seed)
    for frame in np.flatnonzero(played.intensity > 0.75):
        name = CLASSES[played.expressions[frame]]
        recipe = expression.unit_weights(expression.RECIPES[name])
        strong = recipe >= 0.6  # movements by themselves have given way, blinks close the lids
        strong &= expression.unit_weights({"eyeWide_": 1.0}) == 0
        ratio = played.coefficients[frame, strong] / recipe[strong]
        ratio /= expression.CLEAR_GAIN * played.intensity[frame]
        assert ratio.min() > 0.79 and ratio.max() < 1.5, name


def test_one_frame_is_a_video():
    for seed in range(30):
        played = perform(seed, frames=1)
        assert played.coefficients.shape[0] == len(played.views) == 1
        rng = np.random.default_rng(seed)
        assert camera.sample_camera(rng, frames=1, nuisance=1.0).flicker.shape == (1,)


def test_summary_counts_frames():
    example = {
        "group": "a",
        "num_rows": 5,
        "valid": np.array([True, True, False]),
        "expressions": np.array([0, 2, -1]),
        "action_units": np.array([[1] + 11 * [0], [1, 1] + 10 * [0], 12 * [-1]], np.int8),
    }
    text = videos.summary("test", [example])
    assert "1 videos of 1 people, 3 frames" in text and "missing 2 of 5 rows" in text
    assert "not annotated 1 frames" in text and "happiness 1 (50.0%)" in text
    assert "AU1 2 (100.0%), AU2 1 (50.0%), AU4 0 (0.0%)" in text
