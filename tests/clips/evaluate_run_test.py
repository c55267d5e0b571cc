"""Evaluating a run that held training clips out: their predictions fit an ensemble's weights."""

import tiny

from dfer_jax.clips import ensemble, evaluate_run, predictions
from dfer_jax.clips.sources import open_sources
from dfer_jax.clips.task import ClipTask
from dfer_jax.runs import evaluation_files
from dfer_jax.training.loop import Trainer


def test_held_out_clips_are_evaluated_beside_the_test_clips(built_clips, tmp_path, one_device):
    config = tiny.plain(built_clips)
    config.data.validation_fraction = 0.25
    config.train.batch_size = 3
    config.train.epochs = 1
    run = str(tmp_path / "run")
    Trainer(ClipTask, config, run).run(with_evaluation=True)
    evaluate_run.evaluate_checkpoints(config, run)

    source = open_sources(config).validation
    expected = {source[i]["clip_id"]: source[i]["label"] for i in range(len(source))}
    test_file = evaluation_files.evaluation_file(run)
    best_file = test_file.removesuffix(".json") + ".best.json"
    for file, selection in ((test_file, "last"), (best_file, "best on validation")):
        found = predictions.read(evaluation_files.validation_file(file))
        assert dict(zip(found.clip_ids, found.labels, strict=True)) == expected
        assert found.about["split"] == "validation" and found.about["selection"] == selection
    member = predictions.read(test_file)
    [again, _] = ensemble.held_out([member, member], None)
    assert set(again.clip_ids) == set(expected) and not expected.keys() & set(member.clip_ids)
