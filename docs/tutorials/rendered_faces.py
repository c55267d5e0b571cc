# %% [markdown]
# # Train and evaluate on rendered faces
#
# A small data set is rendered, a small network trained on it, and its report written, all below
# the current folder. Here everything is so small that it takes seconds and nothing is learned; for
# a network that does learn take `synthetic_dfer/tiny`, width 16 and 8 epochs, which is `make demo`.

# %%
from configs import synthetic
from dfer_jax.clips.evaluate_run import evaluate_checkpoints
from dfer_jax.clips.train import train
from tfds_builders.build import build

# %% [markdown]
# The data: 28 clips to train on, 14 to test on, of different people. The same on the command
# line: `dfer build synthetic_dfer/smoke`. What is built already is left alone.

# %%
build("synthetic_dfer/smoke", data_dir="data")

# %% [markdown]
# The experiment. A config file is Python: `get_config` returns the fields, and each can be set. On
# the command line: `dfer train configs/synthetic.py data.dataset=synthetic_dfer/smoke ...`.

# %%
config = synthetic.get_config()
changes = {
    "data.dataset": "synthetic_dfer/smoke",
    "data.segments": 4,
    "data.decode_size": 32,
    "model.image_size": 32,
    "model.width": 8,
    "model.reduction": 4,
    "train.epochs": 2,
    "train.batch_size": 14,
    "eval.batch_size": 14,
}
config.update_from_flattened_dict(changes)

# %% [markdown]
# Training. The same call again goes on where it was stopped, and does nothing once it is complete.

# %%
RUN = "runs/tutorial"
train(config, RUN, overrides=changes, with_evaluation=True)

# %% [markdown]
# Evaluation prints WAR, UAR, recalls and the confusion matrix of the last and of the best epoch,
# and writes `runs/tutorial/report.html`. On the command line: `dfer eval` with the same fields.

# %%
evaluate_checkpoints(config, RUN)
