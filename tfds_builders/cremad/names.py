"""What a CREMA-D file name says, and which clips were published.

`AAAA_SSS_EEE_II`: actor, sentence, emotion that the actor was asked to show, intensity (Cao et al.
2014).
"""

import dataclasses
import re

SENTENCES = (
    "IEO", "TIE", "IOM", "IWW", "TAI", "MTI", "IWL", "ITH", "DFA", "ITS", "TSI", "WSI",
)  # fmt: skip
INTENSITIES = ("LO", "MD", "HI", "XX")
"""Low, medium, high, and not stated: only the sentence IEO was acted at three levels."""
EMOTIONS = {
    "ANG": "anger",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happiness",
    "NEU": "neutral",
    "SAD": "sadness",
}
ACTORS = range(1001, 1092)
FOLDS = {
    f"fd{fold}": tuple(actor for actor in ACTORS if min((actor - ACTORS[0]) // 18, 4) == fold - 1)
    for fold in range(1, 6)
}
"""Actors of each test fold, 18 and at last 19 in their order, as MAE-DFER's and HiCMAE's lists."""

BROKEN = {
    "1064_IEO_DIS_MD": "a minute long, all six emotions one after another",
    "1064_TIE_SAD_XX": "without duration",
    "1076_MTI_NEU_XX": "very short",
    "1076_MTI_SAD_XX": "an error picture without a face",
}
"""Videos that are bad at the source, by its README."""

_ABSENT = {
    (1002, "TIE", "NEU"), (1076, "ITS", "NEU"),
    *((1008, "WSI", emotion) for emotion in EMOTIONS),
    *((1009, "MTI", emotion) for emotion in EMOTIONS),
    *((1019, "ITH", emotion) for emotion in EMOTIONS),
}  # fmt: skip
_NAME = re.compile(
    r"(\d{4})[-_ ]([A-Z]{3})[-_ ]([A-Z]{3})[-_ ](LO|MD|HI|XX?)", re.ASCII | re.IGNORECASE
)


@dataclasses.dataclass(frozen=True)
class Take:
    """One clip, by the parts of its name."""

    actor: int
    sentence: str
    emotion: str
    intensity: str

    @property
    def id(self) -> str:
        """Its name in the release."""
        return f"{self.actor}_{self.sentence}_{self.emotion}_{self.intensity}"

    @property
    def asked(self) -> str:
        """The class that the actor was asked to show."""
        return EMOTIONS[self.emotion]

    @property
    def split(self) -> str:
        """The fold that tests on its actor."""
        return f"fd{min((self.actor - ACTORS[0]) // 18, 4) + 1}"


def identify(stem: str) -> str | None:
    """Returns a clip's name as released, None if no clip is named so; letters may be small.

    Blanks or dashes may stand where it has underscores.
    """
    match = _NAME.fullmatch(stem)
    if not match:
        return None
    actor, *parts = match.groups()
    return "_".join((actor, *(part.upper() for part in parts[:2]), _level(parts[2])))


def _level(text: str) -> str:
    return "XX" if text.upper() == "X" else text.upper()  # early releases have one X in a name


def parse(name: str) -> tuple[Take, str]:
    """Returns the clip of a name that `identify` returned, and what is wrong with it, or ""."""
    actor, sentence, emotion, intensity = name.split("_")
    take = Take(int(actor), sentence, emotion, intensity)
    if take.actor not in ACTORS:
        return take, f"actor {actor} is not one of {ACTORS[0]}..{ACTORS[-1]}"
    if sentence not in SENTENCES:
        return take, f"sentence {sentence} is not one of {', '.join(SENTENCES)}"
    if emotion not in EMOTIONS:
        return take, f"emotion {emotion} is not one of {', '.join(EMOTIONS)}"
    if take not in PUBLISHED:
        return take, "CREMA-D has no such clip"
    return take, ""


def _published() -> frozenset[Take]:
    """82 clips of most actors: six emotions of 12 sentences, of IEO five at three levels."""
    takes = (
        Take(actor, sentence, emotion, intensity)
        for actor in ACTORS
        for sentence in SENTENCES
        for emotion in EMOTIONS
        for intensity in INTENSITIES
        if (intensity == "XX") == (sentence != "IEO" or emotion == "NEU")
    )
    return frozenset(
        take for take in takes if (take.actor, take.sentence, take.emotion) not in _ABSENT
    )


PUBLISHED = _published()
