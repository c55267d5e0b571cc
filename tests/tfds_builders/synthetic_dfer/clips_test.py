import cv2
import numpy as np
import pytest

from dfer_jax.labels import CLASSES
from tfds_builders.synthetic_dfer import clips, configs
from tfds_builders.synthetic_dfer.rendering import motion

CONFIGS = {c.name: c for c in configs.CONFIGS if isinstance(c, configs.SyntheticConfig)}


def split_plan(**changes):
    plan = {
        "seed_name": "test",
        "split": "train",
        "clips": 14,
        "identities": range(4),
        "shares": (1.0,) * len(CLASSES),
        "frames": (8, 20),
        "peaks": ((1.0, (0.1, 1.0)),),
        "label_noise": 0.0,
        "nuisance": 1.0,
    }
    return clips.SplitPlan(**(plan | changes))


@pytest.fixture(scope="module")
def config_plans():
    """The plans of every configuration of clips: (configuration, split) -> list of clip plans."""
    return {
        (name, split): clips.plan_clips(config.split_plan(split))
        for name, config in CONFIGS.items()
        for split in ("train", "test")
    }


def test_identities_are_disjoint_between_splits(config_plans):
    for name in CONFIGS:
        train, test = ({p.identity for p in config_plans[name, s]} for s in ("train", "test"))
        assert train and test and not train & test


def test_lengths_below_at_and_above_sixteen_frames_occur(config_plans):
    for (name, split), plans in config_plans.items():
        frames = [p.frames for p in plans]
        assert min(frames) >= 8
        if name != "smoke":
            assert min(frames) == 8 and {15, 16, 17} <= set(frames), (name, split)


def test_label_noise_is_exact_and_flagged(config_plans):
    for (name, split), plans in config_plans.items():
        wrong = sum(p.label != p.clean_label for p in plans)
        assert wrong == (0.2 * len(plans) if (name, split) == ("noisy", "train") else 0)


def test_noisy_differs_from_balanced_in_labels_alone(config_plans):
    for split in ("train", "test"):
        for noisy, clean in zip(
            config_plans["noisy", split], config_plans["balanced", split], strict=True
        ):
            assert noisy.clean_label == clean.clean_label == clean.label
            ours, theirs = vars(noisy).copy(), vars(clean).copy()
            ours.pop("label"), theirs.pop("label")
            assert ours == theirs


def test_class_priors(config_plans):
    counts = np.bincount([p.label for p in config_plans["dfew_like", "train"]], minlength=7)
    np.testing.assert_allclose(
        counts / 2100, np.array([2445, 1894, 2669, 2173, 1469, 145, 902]) / 11697, atol=3e-4
    )
    counts = np.bincount([p.label for p in config_plans["balanced", "train"]], minlength=7)
    assert set(counts) == {300}


def test_class_counts_sum_up_by_largest_remainder():
    assert clips.class_counts(10, (1.0, 1.0, 1.0)) == [4, 3, 3]
    assert clips.class_counts(3, (0.49, 0.26, 0.25)) == [1, 1, 1]


def test_peaks_reach_from_almost_neutral_to_clear(config_plans):
    peaks = [p.peak_intensity for p in config_plans["balanced", "train"] if p.clean_label != 2]
    histogram, _ = np.histogram(peaks, bins=4, range=(0, 1))
    assert min(peaks) < 0.05 and max(peaks) > 0.95 and histogram.min() > 0.2 * len(peaks)


def test_gain_peaks_once_at_the_apex():
    for seed in range(20):
        moved = motion.sample_motion(
            np.random.default_rng(seed), name="fear", frames=8 + seed, peak_gain=1.2, nuisance=1.0
        )
        assert np.argmax(moved.gain) == moved.apex
        np.testing.assert_allclose(moved.gain[moved.apex], 1.2, rtol=1e-6)
        assert (moved.gain == moved.gain.max()).sum() == 1 and moved.gain.min() >= 0


def test_neutral_clips_move_too():
    moving = 0
    for seed in range(20):
        moved = motion.sample_motion(
            np.random.default_rng(seed), name="neutral", frames=16, peak_gain=0.0, nuisance=0.4
        )
        assert moved.apex == -1 and not moved.gain.any()
        moving += np.ptp(moved.coefficients, axis=0).max() > 0.05
        assert np.ptp([view.yaw for view in moved.views]) > 0
    assert moving >= 15


def test_a_clip_is_what_its_plan_says():
    for plan in clips.plan_clips(split_plan()):
        example = clips.make_clip(plan)
        assert len(example["frames"]) == len(example["intensity"]) == plan.frames
        for jpeg in example["frames"]:
            image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
            assert image.shape == (112, 112, 3) and 5 < image.mean() < 250
        np.testing.assert_allclose(example["intensity"].max(), plan.peak_intensity, rtol=1e-5)
        assert (example["apex"] == -1) == (CLASSES[plan.clean_label] == "neutral")


def test_clips_do_not_depend_on_order_or_number_of_processes():
    plans = clips.plan_clips(split_plan(clips=7))
    one = {e["clip_id"]: e["frames"] for e in clips.make_clips(plans, processes=1)}
    two = {e["clip_id"]: e["frames"] for e in clips.make_clips(plans[::-1], processes=2)}
    assert len(one) == 7 and one == two
    assert len({frames[0] for frames in one.values()}) == 7


def test_another_seed_name_gives_other_clips():
    plan, other = (clips.plan_clips(split_plan(seed_name=name))[0] for name in ("a", "b"))
    assert plan.clip_id == other.clip_id
    assert clips.make_clip(plan)["frames"][0] != clips.make_clip(other)["frames"][0]
