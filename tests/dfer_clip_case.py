"""The tiny DFER-CLIP of the official code's vectors, and its checkpoint as that code writes one."""

import numpy as np
from golden.pretrained import recipe

TEXTS, CONTEXT, LENGTH = 7, 8, 77
TOKENS = "clip_model_.token_embedding.weight"
NEVER_USED = {"clip_model_.logit_scale": ()}
_COPIES = {"image_encoder.": "clip_model_.visual.", "text_encoder.": "clip_model_."}


def vectors():
    """Returns what the official code gave, and names and shapes of the tensors."""
    return recipe.read("dfer_clip")


def checkpoint():
    """Returns the tensors of a checkpoint: the network's, the text tower's, CLIP's once more."""
    golden = vectors()
    tensors = recipe.make_tensors(golden["tensors"])
    ids = np.zeros((TEXTS, LENGTH), int)
    known = np.asarray(golden["token_ids"])
    ids[:, : known.shape[1]] = known
    embeddings = tensors[TOKENS][ids]
    tensors["prompt_learner.token_prefix"] = embeddings[:, :1]
    tensors["prompt_learner.token_suffix"] = embeddings[:, 1 + CONTEXT :]
    tensors |= {
        copy + name.removeprefix(tower): value
        for name, value in tensors.items()
        for tower, copy in _COPIES.items()
        if name.startswith(tower)
    }
    tensors |= {name: np.zeros(shape, np.float32) for name, shape in NEVER_USED.items()}
    return tensors
