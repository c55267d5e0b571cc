"""A training does not go on with other data than its checkpoint's."""

import jax
import jax.numpy as jnp
import optax
import pytest

from dfer_jax.errors import UserError
from dfer_jax.runs import checkpoint
from dfer_jax.runs.train_state import TrainState

_METADATA = checkpoint.make_metadata(
    model_name="lstm",
    model_kwargs={"width": 3},
    classes=["joy", "fear"],
    preprocess={"segments": 2},
    dataset="clips",
    source="trained",
)


def _state(step):
    params = {"dense": jnp.full((3, 2), step, jnp.float32)}
    optimizer = optax.sgd(0.1, momentum=0.9)
    return TrainState(
        step=jnp.int32(step), params=params, batch_stats={}, opt_state=optimizer.init(params)
    )


def test_a_training_split_of_another_size_is_not_gone_on_with(tmp_path):
    metadata = _METADATA | {"sizes": {"train": 9, "test": 4}}
    with checkpoint.Checkpoints(str(tmp_path), best_metric="war") as saved:
        saved.save(_state(10), metrics={}, metadata=metadata)
    like = jax.eval_shape(lambda: _state(0))
    with checkpoint.Checkpoints(str(tmp_path), best_metric="war") as saved:
        assert saved.restore_latest(like, metadata=metadata).step == 10
        message = (
            rf"^the data set has changed: checkpoint 10 in {tmp_path}/checkpoints was trained on 9 "
            r"clips or windows, and now there are 12; bring the data back as they were, or choose"
        )
        with pytest.raises(UserError, match=message):
            saved.restore_latest(like, metadata=_METADATA | {"sizes": {"train": 12, "test": 4}})


def test_other_clips_of_the_same_number_are_not_gone_on_with(tmp_path):
    kept, like = {"frames": "a", "labels": "b"}, jax.eval_shape(lambda: _state(0))
    with checkpoint.Checkpoints(str(tmp_path), best_metric="war") as saved:
        saved.save(_state(10), metrics={}, metadata=_METADATA | {"contents": kept})
    with checkpoint.Checkpoints(str(tmp_path), best_metric="war") as saved:
        same = {"like": like, "metadata": _METADATA}
        assert saved.restore_latest(**same, contents=lambda: kept).step == 10
        for changed, what in (
            ({"labels": "c"}, "labels"),
            ({"frames": "c"}, "clips or frames"),
            ({"frames": "c", "labels": "c"}, "clips or frames and other labels"),
        ):
            message = (
                rf"^the data set has changed: checkpoint 10 in {tmp_path}/checkpoints was trained "
                rf"on other {what}; bring the data back as they were, or choose another --workdir, "
                rf"where train.init_from={tmp_path} keeps the weights$"
            )
            with pytest.raises(UserError, match=message):
                saved.restore_latest(**same, contents=lambda found=changed: kept | found)


def test_a_run_of_before_contents_were_kept_goes_on_unread(tmp_path):
    with checkpoint.Checkpoints(str(tmp_path), best_metric="war") as saved:
        saved.save(_state(10), metrics={}, metadata=_METADATA)
    with checkpoint.Checkpoints(str(tmp_path), best_metric="war") as saved:
        like = jax.eval_shape(lambda: _state(0))
        assert saved.restore_latest(like, metadata=_METADATA, contents=pytest.fail).step == 10
