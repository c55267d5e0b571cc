r"""One training on `synthetic_dfer/noisy`, its training clips judged after every epoch.

The judge sees four random views of each clip and its label, which is wrong for a fifth of them;
which ones those are is known and is compared with the verdicts afterwards.

    python -m benchmarks.claims.robust_run --method agreement --seed 0 --init_from runs/start \
        --out runs/r
"""

import json
import os

import numpy as np
import tensorflow_datasets as tfds
from absl import app, flags, logging
from sklearn.metrics import roc_auc_score

from configs import synthetic
from dfer_jax.clips import evaluate_run, experiment
from dfer_jax.clips.noisy_labels import Judged, judge_clips
from dfer_jax.clips.sources import evaluation_batches
from dfer_jax.clips.task import ClipTask
from dfer_jax.data.cached_source import index_of
from dfer_jax.data.records import Records
from dfer_jax.data.source import as_str
from dfer_jax.runs.train_state import TrainState
from dfer_jax.training import network, random_views
from dfer_jax.training.agreement import Agreement
from dfer_jax.training.loop import Trainer

METHODS = ("none", "agreement", "small_loss")
_EPOCHS = 6

_METHOD = flags.DEFINE_enum("method", "none", METHODS, "How training clips are weight_metrics")
_SEED = flags.DEFINE_integer("seed", 0, "Of the run")
_INIT = flags.DEFINE_string("init_from", "", "Work directory of the first weights")
_OUT = flags.DEFINE_string("out", None, "Work directory")


def config_of(method: str, seed: int):
    """Returns GCA+IAL's network without attention, small, with plain cross-entropy."""
    config = synthetic.get_config()
    config.name, config.seed = f"robust_{method}", seed
    config.data.dataset, config.data.cache = "synthetic_dfer/noisy", True
    config.data.decode_size, config.model.image_size, config.model.width = 56, 48, 8
    config.model.attention, config.model.aux_stages = "none", ()
    config.loss.aux_weights, config.loss.ial_weight = (), 0.0
    config.optim.learning_rate, config.optim.schedule = 0.03, "exponential"
    config.optim.decay_epochs = 2.0
    config.train.epochs = _EPOCHS
    config.robust.method = method
    config.robust.warmup_epochs, config.robust.ramp_epochs = 1.0, 1.0
    return config


def clean_labels(data_dir: str, clip_ids: np.ndarray) -> np.ndarray:
    """Returns the true labels of training clips, by their ids."""
    builder = tfds.builder("synthetic_dfer/noisy", data_dir=data_dir)
    rows = Records(builder, "train")
    found = {as_str(row["clip_id"]): int(row["clean_label"]) for row in rows}
    return np.array([found[clip_id] for clip_id in clip_ids.tolist()])


class Judge:
    """Judges all training clips with given weights."""

    def __init__(self, config, trainer: Trainer) -> None:
        """Compiles nothing yet."""
        self._config, self._devices = config, trainer.parallel
        self._source = trainer.task.sources.train
        model = network.create_model(
            config.model.name,
            experiment.model_kwargs(config, num_classes=len(self._source.classes)),
            dtype=config.model.dtype,
            parallel=trainer.parallel,
        )
        self._step = random_views.make_view_step(
            model, image_size=config.model.image_size, parallel=trainer.parallel
        )
        self._judge = Agreement(0.0, 0.0)
        self.index = index_of(self._source)
        self.clean = clean_labels(config.data.data_dir, self.index.clip_ids)

    def __call__(self, state: TrainState) -> Judged:
        """Returns the judgement of all clips, in the order of the source."""
        views = self._config.robust.views
        batches = evaluation_batches(self._config, self._source, views=views)
        return judge_clips(
            self._step,
            state.variables,
            batches,
            self._devices,
            self._judge,
            classes=self._source.classes,
        )

    def scores(self, judged: Judged) -> dict[str, float]:
        """Returns how well the verdict tells wrong labels, and what marks hard clips."""
        wrong = self.index.labels != self.clean
        verdict = judged.verdict
        noisy, hard = verdict == 2, verdict == 1
        peaks = self.index.peak_intensities
        shows = (self.clean != 2) & ~wrong  # rightly labelled, not neutral: an intensity to compare
        return {
            "auroc": float(roc_auc_score(wrong, judged.margin)),
            "precision": float(wrong[noisy].mean()) if noisy.any() else float("nan"),
            "recall": float(noisy[wrong].mean()),
            "share_noisy": float(noisy.mean()),
            "share_hard": float(hard.mean()),
            "peak_hard": float(peaks[shows & hard].mean()),
            "peak_clean": float(peaks[shows & (verdict == 0)].mean()),
            "low_hard": float((peaks[shows & hard] < 1 / 3).mean()),
            "low_all": float((peaks[shows] < 1 / 3).mean()),
        }


def main(argv: list[str]) -> None:
    """Trains, judges after each epoch, evaluates, and writes judged.json."""
    if argv[1:]:
        raise app.UsageError(f"unexpected arguments {argv[1:]}")
    logging.set_verbosity(logging.WARNING)
    config = config_of(_METHOD.value, _SEED.value)
    trainer = Trainer(ClipTask, config, _OUT.value, init_from=_INIT.value)
    judge, epochs, measure = Judge(config, trainer), [], trainer.task.measure

    def measure_and_judge(state: TrainState) -> dict[str, dict[str, float]]:
        measured = measure(state)
        epochs.append(judge.scores(judge(state)) | measured["test"])
        return measured

    trainer.task.measure = measure_and_judge
    trainer.run(with_evaluation=True)
    evaluate_run.evaluate_checkpoints(config, _OUT.value)
    with open(os.path.join(_OUT.value, "judged.json"), "w", encoding="utf-8") as file:
        json.dump(epochs, file, indent=1)


if __name__ == "__main__":
    flags.mark_flag_as_required("out")
    app.run(main)
