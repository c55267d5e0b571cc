import jax
import numpy as np
import pytest
import tiny

from dfer_jax.clips.task import ClipTask
from dfer_jax.clips.train import pretraining, train
from dfer_jax.errors import UserError
from dfer_jax.runs import checkpoint
from dfer_jax.training.loop import Trainer


@pytest.fixture(scope="module")
def config(built_clips):
    config = tiny.config(built_clips)
    config.train.batch_size = 3
    config.train.epochs = 1  # 4 steps
    config.pretrain.epochs = 2  # of 7 // 3 = 2 steps
    config.pretrain.clips_per_class = 1
    return config


@pytest.fixture(scope="module", autouse=True)
def one_device():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax, "local_devices", lambda **_: jax.devices()[:1])
        yield


def run(config, directory):
    train(config, str(directory), overrides={}, with_evaluation=False)


def last_weights(directory):
    step = checkpoint.list_checkpoints(str(directory), best_metric="war")["last"]
    return step, checkpoint.load_weights(str(directory), step)[0]


@pytest.fixture(scope="module")
def undisturbed(config, tmp_path_factory):
    directory = tmp_path_factory.mktemp("runs") / "undisturbed"
    run(config, directory)
    return directory


def test_stopped_in_either_phase_and_resumed_equals_uninterrupted(
    config, undisturbed, tmp_path, monkeypatch
):
    for stop in ("stopped at step 1 of 4", "stopped at step 1 of 4"):
        steps = 1 if not (tmp_path / "run").exists() else 4  # 3 steps are left of the first phase
        with monkeypatch.context() as patch, pytest.raises(UserError, match=stop):
            tiny.stop_after(patch, steps)
            run(config, tmp_path / "run")
    run(config, tmp_path / "run")
    for phase in ("pretrain", ""):
        step, weights = last_weights(tmp_path / "run" / phase)
        expected_step, expected = last_weights(undisturbed / phase)
        assert step == expected_step == 4
        jax.tree.map(np.testing.assert_array_equal, weights, expected)


def test_the_second_phase_starts_from_the_first_ones_weights(config, undisturbed, capsys):
    state = Trainer(
        ClipTask, config, str(undisturbed), init_from=str(undisturbed / "pretrain")
    )._fresh_state()
    expected = last_weights(undisturbed / "pretrain")[1]
    jax.tree.map(np.testing.assert_array_equal, state.variables, expected)
    assert int(state.step) == 0
    momentum = [leaf for leaf in jax.tree.leaves(state.opt_state) if leaf.ndim]
    assert momentum and not any(np.any(leaf) for leaf in momentum)
    assert "starting from the weights in" in capsys.readouterr().out


def test_a_finished_run_stays_as_it_is(config, undisturbed, capsys):
    run(config, undisturbed)
    assert capsys.readouterr().out.splitlines()[-1] == "already trained to step 4"


def test_the_first_phase_is_balanced_and_may_leave_the_gap_loss_out(config):
    config = config.copy_and_resolve_references()
    config.loss.gap_weight = 0.7
    first = pretraining(config)
    assert (first.data.clips_per_class, first.train.epochs, first.loss.gap_weight) == (1, 2, 0.7)
    config.pretrain.gap_loss = False
    assert pretraining(config).loss.gap_weight == 0
    sources = Trainer(ClipTask, first, "unused").task.sources
    assert sorted(example["label"] for example in sources.train) == list(range(7))


def test_too_few_clips_of_a_class_are_told_before_anything_is_written(config, tmp_path):
    config = config.copy_and_resolve_references()
    config.pretrain.clips_per_class = 2
    message = r"2 training clips of each class are asked for, but disgust has only 1; lower the"
    with pytest.raises(UserError, match=message):
        run(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_weights_of_another_model_are_refused_with_the_differences(config, undisturbed, tmp_path):
    config = config.copy_and_resolve_references()
    config.pretrain.epochs = 0
    config.train.init_from = str(undisturbed)
    config.model.name = "vgg11_lstm"
    with pytest.raises(UserError, match=r"do not fit this model.*\n.*absent"):
        run(config, tmp_path / "run")
    config.train.init_from = str(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"there is no checkpoint in .*nowhere"):
        run(config, tmp_path / "other")


@pytest.mark.soak(reason="compiles a network for batches of one")
def test_one_clip_trains_and_one_is_evaluated(built_clips, tmp_path):
    config = tiny.config(built_clips)
    config.data.train_split, config.data.test_split = "train[:1]", "test[:1]"
    config.train.batch_size, config.eval.batch_size = 1, 4
    train(config, str(tmp_path / "run"), overrides={}, with_evaluation=True)
    assert last_weights(tmp_path / "run")[0] == 2
