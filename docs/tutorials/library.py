# %% [markdown]
# # As a library: load a run, predict a clip
#
# Needs the run of `rendered_faces.py`, in the same folder. Any other run on clips will do.

# %%
import jax
import numpy as np

from dfer_jax.data.decode import decode_frames
from dfer_jax.data.sampling import sample_frames
from dfer_jax.data.source import open_split
from dfer_jax.models import create_model
from dfer_jax.runs.checkpoint import load_last_weights
from dfer_jax.training.augment.crops import resize_clips

# %% [markdown]
# A checkpoint knows its model, its classes, and how a clip becomes the model's input.

# %%
variables, metadata = load_last_weights("runs/tutorial")
arguments = {
    name: tuple(value) if isinstance(value, list) else value
    for name, value in metadata["model"]["kwargs"].items()
}
model = create_model(metadata["model"]["name"], **arguments)
inputs = metadata["preprocess"]

# %% [markdown]
# A clip is a list of JPEG or PNG images in time order. Frames are chosen by number, decoded, and
# resized to the network's size: float32 `[1, t, h, w, 3]`, RGB in [0, 1].


# %%
def network_input(frames: list[bytes], name: str) -> jax.Array:
    """Returns the clip as the network wants it; `name` is for error messages."""
    indices = sample_frames(
        len(frames),
        segments=inputs["segments"],
        frames_per_segment=inputs["frames_per_segment"],
        policy=inputs["sampling"],
    )
    pictures = decode_frames(frames, indices, size=inputs["decode_size"], clip=name)
    return resize_clips(jax.numpy.asarray(pictures[None]), image_size=inputs["image_size"])


# %%
@jax.jit
def probabilities(clips: jax.Array) -> jax.Array:
    """Returns how probable each class is, `[clips, classes]`."""
    logits, _ = model.apply(variables, clips, train=False)
    return jax.nn.softmax(logits)


# %%
test_clips = open_split(dataset="synthetic_dfer/smoke", split="test", data_dir="data")
for clip in (test_clips[0], test_clips[1]):
    shares = np.asarray(probabilities(network_input(clip["frames"], clip["clip_id"])))[0]
    print(clip["clip_id"], "shows", metadata["classes"][clip["label"]])
    for name, share in sorted(zip(metadata["classes"], shares, strict=True), key=lambda x: -x[1]):
        print(f"  {name:10} {share:.3f}")
