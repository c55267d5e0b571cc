"""The vectors that DFER-CLIP compares clips with, made from a published checkpoint alone.

The file holds the network, CLIP's text tower, the learned prompts, and CLIP once more. What the
texts of the classes become does not change after training, so it is computed once, here; the
embeddings of the texts lie in the file, so no tokenizer is needed. The text tower is left behind.

Names and shapes follow github.com/zengqunzhao/DFER-CLIP at commit d10d5a4.
"""

import re
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float32, Int64, PyTree

from dfer_jax.errors import UserError
from dfer_jax.interop.tensors import Tensor, by_published_names, load
from dfer_jax.models.vit.clip_towers import TextTower

_PROMPTS = tuple(f"prompt_learner.{name}" for name in ("token_prefix", "ctx", "token_suffix"))
_NETWORK = ("image_encoder.", "temporal_net.")
_CONTEXT = _PROMPTS[1]
_SCALE = "clip_model_.logit_scale"  # never used
_TOKENS = "clip_model_.token_embedding.weight"
_VOCABULARY, _END = 49408, 49407  # CLIP's tokens, and the one behind a text


def as_classifier(
    state_dict: Mapping[str, np.ndarray],
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Returns the network with vectors of the classes, and the names that are left out.

    Args:
        state_dict: published name -> floating array. The second copies of CLIP's tensors may be
            missing as a whole.

    Returns:
        The tensors of the network under their published names, and `text_features`, float32 [k,
        512], of length 1 each.

    Raises:
        UserError: if what the texts need is missing, of another shape, another kind of number or
            not finite, if two copies differ, or if a text has no end.
    """
    prompts = _prompts(state_dict)
    tower, of_text = _text_tower(state_dict, prompts)
    wanted = {
        "text": of_text,
        "prompts": [Tensor(name, shape, np.asarray) for name, shape in prompts.items()],
        "end": Tensor(_TOKENS, (_VOCABULARY, prompts[_CONTEXT][2]), lambda x: x[_END]),
    }
    network = {n: value for n, value in state_dict.items() if n.startswith(_NETWORK)}
    copies = _copies(state_dict)
    known = (*network, *copies, _SCALE)
    found = load(wanted, state_dict, unused=known, what="DFER-CLIP with its text tower")
    _check_copies(copies, state_dict)
    ends = ends_of_texts(found["prompts"], end=found["end"])
    texts = np.concatenate(found["prompts"], axis=1)
    features = text_features(tower, found["text"], texts, ends)
    return network | {"text_features": features}, [n for n in state_dict if n not in network]


def ends_of_texts(
    pieces: list[Float32[np.ndarray, "k _ d"]], *, end: Float32[np.ndarray, " d"]
) -> Int64[np.ndarray, " k"]:
    """Returns the place of the token behind each text.

    Args:
        pieces: embeddings of the token before a text, of the learned context, and of the rest.
        end: embedding of the token looked for.

    Raises:
        UserError: if it is not behind each text.
    """
    *before, rest = pieces
    is_end = (rest == end).all(axis=-1)  # [k, n]
    if not is_end.any(axis=1).all():
        raise UserError(
            f"text {int(is_end.any(axis=1).argmin())} of prompt_learner.token_suffix has no end: "
            f"no row is row {_END} of {_TOKENS}; use the file as it was published"
        )
    return sum(piece.shape[1] for piece in before) + is_end.argmax(axis=1)


def text_features(
    tower: TextTower,
    variables: PyTree,
    tokens: Float32[np.ndarray, "k n d"],
    ends: Int64[np.ndarray, " k"],
) -> Float32[np.ndarray, "k 512"]:
    """Returns the vectors of the classes' texts, of length 1."""
    with jax.default_matmul_precision("highest"):
        found = np.asarray(jax.jit(tower.apply)(variables, tokens, ends), np.float64)
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def _prompts(state_dict: Mapping[str, np.ndarray]) -> dict[str, tuple[int, int, int]]:
    """Returns names and shapes, [k, _, d], of the prompts' pieces in their order.

    Raises:
        UserError: if they are missing, or not a text for each class.
    """
    shapes = {name: state_dict[name].shape for name in _PROMPTS if name in state_dict}
    alike = {(len(shape), shape[:1], shape[2:]) for shape in shapes.values()}
    if len(shapes) < len(_PROMPTS) or len(alike) > 1 or len(shapes[_CONTEXT]) != 3:
        shown = ", ".join(f"{name} {shape}" for name, shape in shapes.items()) or "missing"
        raise UserError(
            f"its prompts are {shown}, where {', '.join(_PROMPTS)} of (classes, tokens, width) are "
            "expected; use a checkpoint of DFER-CLIP with a context for each class"
        )
    return shapes


def _text_tower(
    state_dict: Mapping[str, np.ndarray], prompts: Mapping[str, tuple[int, int, int]]
) -> tuple[TextTower, PyTree]:
    """Returns the text tower, and a `Tensor` for each of its variables."""
    classes, _, width = prompts[_CONTEXT]
    tower = TextTower(width, _depth(state_dict, "text_encoder"))
    shape = (classes, sum(piece[1] for piece in prompts.values()), width)
    shapes = jax.eval_shape(
        tower.init,
        jax.random.key(0),
        jax.ShapeDtypeStruct(shape, jnp.float32),
        jax.ShapeDtypeStruct((classes,), jnp.int32),
    )
    return tower, by_published_names(shapes, prefix="text_encoder.")


def _depth(state_dict: Mapping[str, np.ndarray], tower: str) -> int:
    """Returns how many layers a tower has."""
    pattern = re.compile(rf"{tower}\.transformer\.resblocks\.\d+\.ln_1\.weight")
    return sum(map(bool, map(pattern.fullmatch, state_dict)))


def _copies(state_dict: Mapping[str, np.ndarray]) -> dict[str, str]:
    """Returns the names of CLIP's second copies -> those of the tensors they are copies of."""
    towers = {"image_encoder.": "clip_model_.visual.", "text_encoder.": "clip_model_."}
    return {
        copy + name.removeprefix(tower): name
        for name in state_dict
        for tower, copy in towers.items()
        if name.startswith(tower)
    }


def _check_copies(copies: Mapping[str, str], state_dict: Mapping[str, np.ndarray]) -> None:
    """Refuses second copies that are missing or others, unless there are none at all.

    Raises:
        UserError: with the first of them.
    """
    if not any(name in state_dict for name in copies):
        return
    for copy, name in copies.items():
        if copy not in state_dict or not np.array_equal(state_dict[copy], state_dict[name]):
            raise UserError(
                f"{copy} is {'another' if copy in state_dict else 'missing'}, where the published "
                f"files hold {name} once more; use the file as it was published"
            )
