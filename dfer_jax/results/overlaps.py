"""Data sets that share clips: weights trained on one have seen test clips of the other."""

_MAFW_FOLDS = (
    "2,352 of the 8,996 clips that the single and the compound set of MAFW share lie in another "
    "fold, so weights trained on a fold of one have seen test clips of the other"
)
_OF_FILMS = (
    "MAFW holds {clips} clips of {name} by its paper, which does not say which ones: the weights "
    "may have seen clips that they are tested on"
)
_IN_MAFW = {"dfew": ("DFEW", "1,097"), "afew": ("AFEW", "98")}


def seen_before(trained_on: str, tested_on: str) -> str:
    """Returns a sentence on test clips that weights may have seen, or "" if none are known.

    Args:
        trained_on: TFDS name with its config, of the weights.
        tested_on: likewise, of the evaluation.
    """
    first, second = (name.lower().partition("/") for name in (trained_on, tested_on))
    names = {first[0], second[0]}
    if names == {"mafw"}:
        compound = [config.startswith("compound") for _, _, config in (first, second)]
        return _MAFW_FOLDS if compound[0] != compound[1] else ""
    for other, (name, clips) in _IN_MAFW.items():
        if names == {"mafw", other}:
            return _OF_FILMS.format(clips=clips, name=name)
    return ""
