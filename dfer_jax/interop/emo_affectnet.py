"""What is known of EMO-AffectNet's weights, and its LSTM read in without the network of stills.

The authors publish one file for stills and one LSTM for each corpus, which is left out of that
one's training.
"""

import os
from types import MappingProxyType

import jax
import jax.numpy as jnp

from dfer_jax.errors import UserError
from dfer_jax.interop.release import Release, TrainedOn
from dfer_jax.interop.state_dict import read_state_dict
from dfer_jax.interop.tensors import by_published_names, load, without_prefix
from dfer_jax.models import create_model
from dfer_jax.runs import checkpoint
from dfer_jax.runs.workdir_lock import takes_import
from dfer_jax.runtime.file_facts import sha256
from dfer_jax.video.faces import CropSettings

CLASSES = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger")
"""In the order of the released files."""

_CODE = "github.com/ElenaRyumina/EMO-AffectNetModel at 3dc8ed2"
_LICENSE = "MIT; its README restricts the models to scientific use"
_USUAL = {
    "sampling": "padded",
    "fps": 5.0,
    "decode_size": 224,
    "crop": CropSettings(224, 0.0, "box").to_json(),
}

STATIC = Release(
    _CODE,
    _LICENSE,
    ("vggface2",),
    (
        TrainedOn(
            "affectnet",
            CLASSES,
            MappingProxyType({**_USUAL, "window_span": "0.2s", "stride_span": "0.2s"}),
            (
                ("AffectNet, 7 classes, weights_0_66_37", 66.4, 66.4),
                ("AffectNet, 7 classes, weights_0_66_49", 66.5, 66.5),
            ),
            "validation set, 500 pictures of each class",
        ),
    ),
)
WHOLE = Release(
    _CODE,
    _LICENSE,
    ("vggface2", "affectnet"),
    (
        TrainedOn(
            "emo_corpora",
            CLASSES,
            MappingProxyType({**_USUAL, "window_span": "2s", "stride_span": "1s"}),
            (
                ("Aff-Wild2", 51.6, None),
                ("RAVDESS", 65.8, None),
                ("CREMA-D", 60.6, None),
                ("SAVEE", 76.1, None),
                ("RAMAS", 44.3, None),
                ("IEMOCAP", 25.1, None),
            ),
            "each corpus by the file named after it, which was not trained on it",
        ),
    ),
)


def convert(source: str, workdir: str) -> None:
    """Writes the LSTM in the file `source` as a new work directory, and prints what was read.

    It takes features of frames, `model.apply(variables, features [b, 10, 512], train=False)`.

    Raises:
        UserError: if the file cannot be read, does not hold the LSTM, or `workdir` is in use.
    """
    if not takes_import(workdir):
        raise UserError(f"{workdir} exists and is not empty; choose a new directory")
    model = create_model("emo_affectnet")
    features = jnp.zeros((1, model.num_frames, 8 * model.width))
    shapes = jax.eval_shape(lambda key: model.init(key, features, train=False), jax.random.key(0))
    state_dict = without_prefix(read_state_dict(source), "module.")
    what = "EMO-AffectNet's LSTM of 7 classes"
    params = load(by_published_names(dict(shapes)), state_dict, unused=(), what=what)["params"]
    metadata = checkpoint.make_metadata(
        model_name="emo_affectnet",
        model_kwargs={"num_classes": len(CLASSES)},
        classes=CLASSES,
        preprocess={"features": "frame_features of emo_affectnet_static"},
        dataset=WHOLE.weights[0].dataset,
        source=os.path.basename(source),
    )
    about = {
        "source_sha256": sha256(source),
        "release": WHOLE.about(WHOLE.weights[0]),
    }
    checkpoint.save_weights(workdir, {"params": params, "batch_stats": {}}, metadata | about)
    print(
        f"loaded {len(jax.tree.leaves(params))} tensors of the LSTM alone, which takes features; "
        "to read videos, import both files: dfer import emo_affectnet STATIC LSTM OUT\n"
        f"wrote {workdir}"
    )
