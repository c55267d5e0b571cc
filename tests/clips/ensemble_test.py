import functools
import json

import numpy as np
import prediction_files
import pytest
from sklearn import metrics as sk

from dfer_jax.clips import ensemble, predictions
from dfer_jax.clips.report import inputs
from dfer_jax.errors import UserError
from dfer_jax.results.ensemble_weights import fit_weights, given_weights, mean_log_loss


def _members(tmp_path, seeds=(0, 1), *, file_name="fd1", clips=60, first_id=0):
    paths = [
        prediction_files.write(
            tmp_path / f"run{seed}",
            *prediction_files.random_case(seed, clips=clips, first_id=first_id),
            file_name=file_name,
        )
        for seed in seeds
    ]
    return [predictions.read(path) for path in paths]


def _log_loss(probabilities, labels):
    return np.mean([-np.log(row[label]) for row, label in zip(probabilities, labels, strict=True)])


def test_the_combination_is_the_weighted_mean_of_the_probabilities(tmp_path):
    a, b = _members(tmp_path)
    result = ensemble.combine([a, b], np.array([0.3, 0.7]))
    expected = 0.3 * a.probabilities + 0.7 * b.probabilities
    np.testing.assert_allclose(
        [row["probabilities"] for row in result.predictions], expected, atol=1e-6
    )
    answers = expected.argmax(1)
    np.testing.assert_allclose(result.scores.war, sk.accuracy_score(a.labels, answers))
    np.testing.assert_allclose(
        result.scores.uar, sk.recall_score(a.labels, answers, average="macro")
    )
    np.testing.assert_allclose(result.loss, _log_loss(expected, a.labels))


def test_all_the_weight_on_one_member_is_that_member(tmp_path):
    a, b = _members(tmp_path)
    for weights, member in (([1.0, 0.0], a), ([0.0, 1.0], b)):
        result = ensemble.combine([a, b], np.array(weights))
        np.testing.assert_array_equal(result.confusion, member.confusion)


def test_two_members_get_the_best_beta_of_the_papers_grid(tmp_path):
    a, b = _members(tmp_path, clips=200)
    stacked = np.stack([a.probabilities, b.probabilities])
    weights = fit_weights(stacked, a.labels)
    tried = {}
    for step in range(21):
        mixed = step / 20 * stacked[0] + (1 - step / 20) * stacked[1]
        tried[step] = (
            sk.accuracy_score(a.labels, mixed.argmax(1)),
            -_log_loss(mixed, a.labels),
        )
    best = max(tried, key=tried.get)
    np.testing.assert_allclose(weights, [best / 20, 1 - best / 20])
    assert tried[best][0] > max(tried[0][0], tried[20][0])  # the case is one where mixing helps


def test_of_equal_betas_the_one_of_lowest_log_loss_wins():
    sure, unsure = np.array([[0.9, 0.1]]), np.array([[0.6, 0.4]])
    np.testing.assert_allclose(fit_weights(np.stack([unsure, sure]), np.array([0])), [0.0, 1.0])


def test_many_members_get_the_most_likely_weights_on_the_simplex():
    rng = np.random.default_rng(0)
    stacked = np.stack([prediction_files.random_case(s, 300, skill=s)[2] for s in (0, 1, 2)])
    labels = np.arange(300) % 7
    weights = fit_weights(stacked, labels)
    assert (weights >= 0).all() and abs(weights.sum() - 1) < 1e-9
    found = mean_log_loss(np.tensordot(weights, stacked, axes=1), labels)
    for other in rng.dirichlet(np.ones(3), size=500):
        assert found <= mean_log_loss(np.tensordot(other, stacked, axes=1), labels) + 1e-6
    assert weights[2] > weights[1] > weights[0]


@pytest.mark.parametrize("text", [".5", ".5,.6", "-.5,1.5", "a,b", ".2,.3,.5", "nan,1"])
def test_weights_that_are_none_are_refused(text):
    with pytest.raises(UserError, match="--weights="):
        given_weights(text.split(","), members=2)


def test_held_out_clips_may_not_be_test_clips(tmp_path):
    members = _members(tmp_path)
    with pytest.raises(UserError, match=r"60 clips of .+ are test clips"):
        ensemble.held_out(members, [m.path for m in members])
    with pytest.raises(UserError, match="1 files for 2 members"):
        ensemble.held_out(members, [members[0].path])
    with pytest.raises(UserError, match=r"validation\.json"):
        ensemble.held_out(members, None)
    _members(tmp_path, file_name="validation", first_id=500)
    assert ensemble.held_out(members, None)[0].clip_ids[0] == "00500"


def test_the_command_fits_on_validation_and_says_when_it_chose_on_test(tmp_path, commands):
    command = functools.partial(commands.run, "dfer_jax.commands.ensemble")
    members = _members(tmp_path, clips=200)
    runs = [tmp_path / "run0", tmp_path / "run1"]
    refused = command(*runs, f"--out={tmp_path / 'none'}")
    assert refused.returncode == 1 and "--select_on_test" in refused.stderr
    assert "Traceback" not in refused.stderr and not (tmp_path / "none").exists()
    chosen = command(*runs, "--select_on_test", f"--out={tmp_path / 'tested'}")
    assert chosen.returncode == 0, chosen.stderr
    assert "chosen on test" in chosen.stdout and "optimistic" in chosen.stdout

    held_out = _members(tmp_path, file_name="validation", clips=90, first_id=1000)
    fitted = command(*runs, f"--out={tmp_path / 'fitted'}")
    assert fitted.returncode == 0, fitted.stderr
    assert "fitted on validation" in fitted.stdout and "optimistic" not in fitted.stdout
    [evaluation] = inputs.read_evaluations(str(tmp_path / "fitted"))
    assert evaluation.selection == "ensemble (last; weights fitted on validation)"
    with open(tmp_path / "fitted" / "eval" / "fd1.json") as file:
        listed = json.load(file)["model"]["kwargs"]["members"]
    expected = fit_weights(np.stack([m.probabilities for m in held_out]), held_out[0].labels)
    np.testing.assert_allclose([m["weight"] for m in listed], expected)
    assert [m["file"] for m in listed] == [m.path for m in members]
    assert f"{100 * (evaluation.war - max(m['war'] for m in listed)):+.2f} points" in fitted.stdout
    assert (tmp_path / "fitted" / "report.html").exists()
    again = command(*runs, f"--out={tmp_path / 'fitted'}")
    assert again.returncode == 0 and again.stdout == fitted.stdout
    over_a_run = command(*runs, f"--out={tmp_path}")
    assert over_a_run.returncode == 1 and "choose a new directory" in over_a_run.stderr
