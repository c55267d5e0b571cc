# %% [markdown]
# # Your own videos
#
# A folder of videos and a table that says what each shows: that is all. Here the videos are
# rendered faces, written as folders of numbered pictures; a file such as `anna_smiles.mp4` is put
# into the table in the same way.

# %%
from pathlib import Path

from configs import video_folder
from dfer_jax.clips.evaluate_run import evaluate_checkpoints
from dfer_jax.clips.train import train
from dfer_jax.data.source import open_split
from dfer_jax.labels import CLASSES
from tfds_builders.build import build

# %%
build("synthetic_dfer/smoke", data_dir="data")
videos = Path("my_videos")
lines = ["path,label,split,group"]
for split in ("train", "test"):
    for clip in open_split(dataset="synthetic_dfer/smoke", split=split, data_dir="data"):
        folder = videos / clip["clip_id"]
        folder.mkdir(parents=True, exist_ok=True)
        for number, jpeg in enumerate(clip["frames"]):
            (folder / f"{number:03}.jpg").write_bytes(jpeg)
        person = f"person_{clip['identity']}"
        lines.append(f"{folder.name},{CLASSES[clip['label']]},{split},{person}")
(videos / "labels.csv").write_text("\n".join(lines) + "\n")

# %% [markdown]
# The group is whatever must not be on both sides: a network that has seen a person knows the face,
# not the expression. Build, as `dfer build video_folder/mine --manual_dir my_videos` does:

# %%
build("video_folder/mine", data_dir="data", manual_dir=str(videos))

# %% [markdown]
# Train and evaluate, as `dfer train configs/video_folder.py data.dataset=video_folder/mine` does,
# but smaller and for one epoch, which is too little to learn anything.

# %%
config = video_folder.get_config()
changes = {
    "data.dataset": "video_folder/mine",
    "data.segments": 4,
    "data.decode_size": 32,
    "model.image_size": 32,
    "model.width": 8,
    "model.reduction": 4,
    "train.epochs": 1,
    "train.batch_size": 14,
    "eval.batch_size": 14,
}
config.update_from_flattened_dict(changes)
train(config, "runs/mine", overrides=changes, with_evaluation=True)
evaluate_checkpoints(config, "runs/mine")
