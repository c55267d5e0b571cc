"""Systems with other networks, inputs and orders of their classes are one ensemble, by name."""

import json
import pathlib

import jax
import numpy as np
import pytest
import saved_weights
import tiny

from dfer_jax.clips import ensemble, evaluation, predictions
from dfer_jax.clips.shared_classes import meet
from dfer_jax.clips.sources import evaluation_batches, open_sources
from dfer_jax.errors import UserError
from dfer_jax.labels import CLASSES
from dfer_jax.recognition import weights
from dfer_jax.runtime import parallel

TURNED = ("happy", *reversed(CLASSES[1:]))  # another order, and a synonym


@pytest.fixture(scope="module")
def members(built_clips, tmp_path_factory):
    """Evaluation files of two systems on test clips, with held-out ones beside."""
    folder = tmp_path_factory.mktemp("systems")
    gca_ial = saved_weights.of_clips(folder / "a", kind="gca", scale=3.0)
    other = saved_weights.of_network(
        folder / "b", "vgg11_lstm", classes=TURNED, segments=3, sampling="grid"
    )
    return [_evaluated(run, built_clips) for run in (gca_ial, other)]


def _evaluated(run, data_dir):
    """Writes the evaluations of a system as `dfer eval` does, each with its own input."""
    (network,) = weights.load([run]).networks
    config = tiny.config(data_dir)
    config.data.validation_fraction = 0.5
    config.data.segments = network.member.inputs["segments"]
    config.data.sampling = network.member.inputs["sampling"]
    options = {"dataset": "clips", "on_shared": False, "test": "test"}
    met = meet(open_sources(config), model=network.member.classes, **options)
    devices = parallel.over(jax.local_devices()[:1])
    step = evaluation.make_eval_step(network.model, image_size=32, parallel=devices)
    about = {"dataset": "clip_dataset/truth", "selection": "last", "step": 1, "epoch": 1.0}
    for split in ("validation", "test"):
        result = evaluation.evaluate(
            step,
            network.variables,
            evaluation_batches(config, getattr(met.sources, split)),
            devices,
            classes=network.member.classes,
        )
        facts = about | {"split": split, "source": "trained", "model": {}}
        path = evaluation.write_evaluation(run, split, result, facts)
    return path


def test_they_meet_by_clip_and_class_with_weights_of_held_out_clips(members):
    read = [predictions.read(path) for path in members]
    assert read[0].classes == CLASSES and read[1].classes == TURNED
    joined = predictions.join(read)
    chosen, how = ensemble.choose_weights(joined, given=None, fit_on=None, select_on_test=False)
    assert how == ensemble.ON_VALIDATION and chosen.sum() == pytest.approx(1)
    result = ensemble.combine(joined, np.array([0.4, 0.6]))
    assert result.classes == CLASSES
    by_name = [dict(zip(m.clip_ids, m.probabilities, strict=True)) for m in read]
    for row in result.predictions:
        first, second = (found[row["clip_id"]] for found in by_name)
        turned = [second[TURNED.index("happy" if c == "happiness" else c)] for c in CLASSES]
        expected = 0.4 * first + 0.6 * np.array(turned)
        np.testing.assert_allclose(row["probabilities"], expected, atol=2e-6)
        assert np.abs(first - turned).max() > 1e-3, "they are unlike"


def test_clips_that_imported_weights_were_trained_on_are_not_held_out(members):
    read = predictions.join([predictions.read(path) for path in members])
    file = pathlib.Path(members[1]).with_name("validation.json")
    content = json.loads(file.read_text())
    of_others = content | {"source": "published.pth", "trained_on": "clip_dataset"}
    file.write_text(json.dumps(of_others))
    with pytest.raises(UserError, match="whose authors trained on these clips"):
        ensemble.held_out(read, None)
    found = ensemble.held_out(read, [str(file), str(file)])
    assert len(found) == 2, "named by the user they are taken"
