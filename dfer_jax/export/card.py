"""The model card: what a network was trained on, how good it is, what it is for and what not."""

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from dfer_jax.errors import UserError
from dfer_jax.export import card_scores
from dfer_jax.runs import checkpoint, pretrained_folder, terms
from dfer_jax.runs.read_files import read_json
from dfer_jax.runs.workdir import CONFIG_FILE


def card_of(folder: str, *, license_name: str = "") -> str:
    """Returns the model card of a run's last weights, Markdown with front matter.

    Of a pretrained folder it is the card that lies there.

    Args:
        folder: a run, imported weights or a pretrained folder.
        license_name: under which the weights are given away, e.g. "mit"; "" if that is open.

    Raises:
        UserError: if there are no intact weights, or an evaluation is damaged.
    """
    if pretrained_folder.is_one(folder):
        return _kept(folder)
    variables, metadata = checkpoint.load_last_weights(folder)
    step = checkpoint.list_checkpoints(folder, best_metric="")["last"]
    parts = [
        _front_matter(metadata, license_name),
        f"# {metadata['model']['name']}, {_data_in_words(metadata)}",
        _what(metadata, variables),
        _training(folder, metadata, step),
        card_scores.scores(folder, step),
        *_published(metadata),
        _input(metadata),
        _intended(metadata),
        "## Licences\n\n- " + "\n- ".join(terms.in_words(metadata, license_name)),
        _use(metadata),
    ]
    return "\n\n".join(parts) + "\n"


def _kept(folder: str) -> str:
    path = os.path.join(folder, pretrained_folder.CARD)
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is no card that can be read; fetch the folder again") from error


def _front_matter(metadata: Mapping[str, Any], license_name: str) -> str:
    frames = "window" in metadata["preprocess"]
    lines = {
        "library_name": "dfer_jax",
        "license": license_name or "other",
        "pipeline_tag": "image-classification" if frames else "video-classification",
        "tags": ["facial-expression-recognition", "jax", "flax", metadata["model"]["name"]],
        "datasets": [metadata["dataset"]] if metadata["dataset"] else [],
    }
    shown = "\n".join(f"{name}: {json.dumps(value)}" for name, value in lines.items())
    return f"---\n{shown}\n---"


def _data_in_words(metadata: Mapping[str, Any]) -> str:
    verb = "trained on" if metadata["source"] == "trained" else "for"
    return f"{verb} {metadata['dataset'] or 'no data set that it names'}"


def _what(metadata: Mapping[str, Any], variables: Mapping[str, Any]) -> str:
    count, tree = 0, [variables["params"]]
    while tree:
        node = tree.pop()
        if isinstance(node, Mapping):
            tree += node.values()
        else:
            count += node.size
    whole = (
        "labels every frame of a face"
        if "window" in metadata["preprocess"]
        else ("gives a clip of a face one label")
    )
    return (
        f"A network that {whole}, by probabilities of {len(metadata['classes'])} classes: "
        f"{', '.join(metadata['classes'])}. {count:,} parameters, float32."
    )


def _training(folder: str, metadata: Mapping[str, Any], step: int) -> str:
    rows = {"network": metadata["model"]["name"], "data": metadata["dataset"] or "not named"}
    path = os.path.join(folder, CONFIG_FILE)
    if metadata["source"] != "trained":
        rows["weights"] = f"read from {metadata['source']}, not trained here"
        rows["sha256 of that file"] = metadata.get("source_sha256", "not kept")
    elif os.path.exists(path):
        config = read_json(path)
        data = config.get("data", {})
        folds = data.get("num_folds")
        rows["fold"] = f"{config.get('fold')} of {folds} is tested on" if folds else "no folds"
        rows["seed"] = config.get("seed")
        rows["steps"] = f"{step:,} ({step / metadata.get('steps_per_epoch', 1):g} epochs)"
        if start := config.get("train", {}).get("init_from"):
            rows["started from"] = os.path.basename(os.path.normpath(start))
    rows["versions"] = ", ".join(f"{k} {v}" for k, v in metadata["versions"].items())
    lines = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    return f"## Training\n\n| | |\n|---|---|\n{lines}"


def _published(metadata: Mapping[str, Any]) -> Iterator[str]:
    """Yields what the authors of imported weights publish of theirs, if that is known."""
    release = metadata.get("release")
    if not release or not release["scores"]:
        return
    rows = "\n".join(
        f"| {what} | {' | '.join('-' if x is None else f'{x:.2f}' for x in values)} |"
        for what, *values in release["scores"]
    )
    yield (
        "## Published scores\n\nBy the authors, not measured here; of several files a file "
        f"itself does not say which it is. {release['code']}; {release['protocol']}.\n\n"
        f"| tested on | UAR % | WAR % |\n|---|---|---|\n{rows}"
    )


def _input(metadata: Mapping[str, Any]) -> str:
    inputs = metadata["preprocess"]
    crop = inputs.get("crop")
    cut = (
        f"Faces are cut out so: {', '.join(f'{k} {v}' for k, v in crop.items())}."
        if crop
        else "How the faces were cut out is not known; other crops make other predictions."
    )
    rows = "\n".join(f"| {k} | {v} |" for k, v in inputs.items() if k != "crop")
    return (
        "## Input\n\nAligned crops of one face in time order, RGB.\n\n"
        f"| | |\n|---|---|\n{rows}\n\n{cut}"
    )


def _intended(metadata: Mapping[str, Any]) -> str:
    rendered = metadata["dataset"].startswith(terms.RENDERED)
    only = " It was trained on rendered faces: use it to try the software, on nobody's face."
    return (
        "## Intended use and limits\n\n"
        "For research on recognising expressions in videos, and for labelling footage whose people "
        "agreed to it." + only * rendered + "\n\n"
        "- It says what a face shows to the annotators of its data, not what a person feels.\n"
        "- People of other ages, skin colours, cultures, with glasses or masks, and footage, light "
        "or crops unlike those of the data are read worse; by how much is not measured here.\n"
        "- Rare classes are read worst: see their recalls and how few clips they rest on.\n"
        "- The probabilities are not calibrated beyond what the evaluation shows.\n"
        "- Not for decisions about people: hiring, schooling, policing, insurance, health. In the "
        "European Union inferring emotions at work and in education is prohibited but for medical "
        "and safety reasons (Regulation 2024/1689, article 5), and elsewhere people must be told."
    )


def _use(metadata: Mapping[str, Any]) -> str:
    shown = json.dumps(metadata["classes"][0], ensure_ascii=False)
    return (
        "## Use\n\n"
        '```python\nimport dfer_jax\n\nloaded = dfer_jax.load("this/folder")\n'
        f"loaded(frames)[{shown}]  # frames: uint8 RGB [t, h, w, 3], crops of one face\n```\n\n"
        "`dfer predict VIDEO --weights this/folder` finds the faces by itself, `sha256sum --check "
        "checksums.sha256` says whether the files are whole."
    )
