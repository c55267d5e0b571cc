import json

import numpy as np
import prediction_files
import pytest
from sklearn import metrics as sk

from dfer_jax.clips import predictions
from dfer_jax.errors import UserError
from dfer_jax.labels import CLASSES
from dfer_jax.runs import evaluation_files


def _edit(path, change):
    with open(path) as file:
        raw = json.load(file)
    change(raw)
    with open(path, "w") as file:
        json.dump(raw, file)
    return path


@pytest.fixture
def case(tmp_path):
    ids, labels, probabilities = prediction_files.random_case(0)
    return prediction_files.write(tmp_path / "a", ids, labels, probabilities), ids, labels


def test_what_is_read_is_what_was_written(case):
    path, ids, labels = case
    found = predictions.read(path)
    assert list(found.clip_ids) == ids and found.classes == CLASSES
    np.testing.assert_array_equal(found.labels, labels)
    np.testing.assert_array_equal(
        found.confusion, sk.confusion_matrix(labels, found.predicted, labels=range(7))
    )
    assert found.about["selection"] == "last" and np.isnan(found.peak_intensities).all()


def test_joining_goes_by_clip_id_not_by_order(tmp_path, case):
    path, ids, labels = case
    shuffled = np.random.default_rng(1).permutation(len(ids))
    _, _, other = prediction_files.random_case(2)
    second = prediction_files.write(
        tmp_path / "b", [ids[i] for i in shuffled], labels[shuffled], other[shuffled]
    )
    a, b = predictions.join([predictions.read(path), predictions.read(second)])
    assert a.clip_ids == b.clip_ids
    np.testing.assert_array_equal(b.labels, labels)
    np.testing.assert_allclose(b.probabilities, other, atol=1e-6)


def test_missing_extra_and_relabelled_clips_are_listed(tmp_path, case):
    path, ids, labels = case
    first = predictions.read(path)
    other_ids = [*ids[2:], "90001"]
    _, _, p = prediction_files.random_case(0, clips=59)
    second = prediction_files.write(tmp_path / "b", other_ids, np.append(labels[2:], 0), p)
    with pytest.raises(UserError, match="2 are missing, 1 are extra") as caught:
        predictions.join([first, predictions.read(second)])
    assert all(line in str(caught.value) for line in ("missing 00000", "extra 90001"))
    third = prediction_files.write(tmp_path / "c", ids, (labels + 2) % 7, first.probabilities)
    with pytest.raises(UserError, match="60 clips have another label") as caught:
        predictions.join([first, predictions.read(third)])
    assert "00000: happiness -> neutral" in str(caught.value)


def test_classes_in_another_order_are_matched_by_name(tmp_path, case):
    path, ids, labels = case
    first = predictions.read(path)

    def reverse(raw):
        raw["classes"] = raw["classes"][::-1]
        raw["confusion"] = np.array(raw["confusion"])[::-1, ::-1].tolist()
        for row in raw["predictions"]:
            row["probabilities"] = row["probabilities"][::-1]

    other = prediction_files.write(tmp_path / "b", ids, labels, first.probabilities)
    joined = predictions.join([first, predictions.read(_edit(other, reverse))])[1]
    assert joined.classes == first.classes
    np.testing.assert_array_equal(joined.labels, first.labels)
    np.testing.assert_array_equal(joined.probabilities, first.probabilities)
    np.testing.assert_array_equal(joined.confusion, first.confusion)


def test_other_classes_are_refused(tmp_path, case):
    path, ids, labels = case
    first = predictions.read(path)
    other = prediction_files.write(tmp_path / "b", ids, labels, first.probabilities)

    def rename(raw):
        raw["classes"][0] = "awe"
        for row in raw["predictions"]:
            row |= {k: "awe" for k in ("label", "prediction") if row[k] == "happiness"}

    with pytest.raises(UserError, match="combine runs that tell the same classes apart"):
        predictions.join([first, predictions.read(_edit(other, rename))])


def test_pooling_refuses_a_clip_in_two_folds(case):
    first = predictions.read(case[0])
    with pytest.raises(UserError, match="share 60 clips"):
        predictions.concatenate([first, first])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda raw: raw["predictions"].append(raw["predictions"][0]), "do not add up"),
        (lambda raw: raw["predictions"][3].update(probabilities=[0.5] * 7), "add up to 1"),
        (lambda raw: raw["predictions"][3].update(probabilities=[1.0]), "7 probabilities|inhomog"),
        (lambda raw: raw["predictions"][3].update(label="joy"), "joy"),
        (lambda raw: raw.pop("confusion"), "'confusion' is missing"),
        (lambda raw: raw.update(predictions=[], confusion=[]), "no clip"),
    ],
    ids=["count", "sum", "shape", "label", "field", "empty"],
)
def test_damage_is_one_sentence(case, change, message):
    with pytest.raises(UserError, match=message):
        predictions.read(_edit(case[0], change))


def test_duplicate_ids_in_one_file_are_listed(tmp_path):
    ids, labels, probabilities = prediction_files.random_case(0)
    ids[5] = ids[6]
    path = prediction_files.write(tmp_path / "a", ids, labels, probabilities)
    with pytest.raises(UserError, match="1 clip ids more than once") as caught:
        predictions.read(path)
    assert "00006" in str(caught.value)


def test_a_run_stands_for_its_last_epoch_on_test(tmp_path, case):
    path = case[0]
    run = str(tmp_path / "a")
    for name in ("fd1.best", "validation", "validation.best"):
        prediction_files.write(run, *prediction_files.random_case(3), file_name=name)
    assert evaluation_files.evaluation_file(run) == path
    assert evaluation_files.evaluation_file(path) == path
    assert evaluation_files.validation_file(path).endswith("eval/validation.json")
    best = path.replace("fd1", "fd1.best")
    assert evaluation_files.validation_file(best).endswith("eval/validation.best.json")
    prediction_files.write(run, *prediction_files.random_case(3), file_name="fd2")
    with pytest.raises(UserError, match=r"several test splits \(fd1, fd2\)"):
        evaluation_files.evaluation_file(run)
    with pytest.raises(UserError, match="no evaluation of test"):
        evaluation_files.evaluation_file(str(tmp_path))
    with pytest.raises(UserError, match="cannot be read"):
        predictions.read(str(tmp_path / "nowhere.json"))
