"""What a RAVDESS file name says, and which trials were published.

`MM-CC-EE-II-SS-RR-AA`: modality, vocal channel, emotion, intensity, statement, repetition, actor
(Livingstone and Russo 2018, Table 1).
"""

import dataclasses
import itertools
import re

EMOTIONS = ("neutral", "calm", "happiness", "sadness", "anger", "fear", "disgust", "surprise")
"""Class of the codes 01..08."""
INTENSITIES = ("normal", "strong")
CHANNELS = ("speech", "song")
FULL_AV, VIDEO_ONLY, AUDIO_ONLY = 1, 2, 3
ACTORS = range(1, 25)
SINGERS = tuple(actor for actor in ACTORS if actor != 18)
FOLDS = {f"fd{fold}": tuple(range(4 * fold - 3, 4 * fold + 1)) for fold in range(1, 7)}
"""Actors of each test fold, four and four in their order, as MAE-DFER's and HiCMAE's lists."""

_NAME = re.compile(r"[-_ ]".join([r"(\d\d)"] * 7), re.ASCII)
_FIELDS = (
    ("modality", 3),
    ("vocal channel", 2),
    ("emotion", 8),
    ("intensity", 2),
    ("statement", 2),
    ("repetition", 2),
    ("actor", 24),
)
_SUNG = range(1, 7)  # emotions; disgust and surprise were only spoken


@dataclasses.dataclass(frozen=True, order=True)
class Trial:
    """One recording, whatever it is shipped as; the codes of its name, from one."""

    channel: int
    emotion: int
    intensity: int
    statement: int
    repetition: int
    actor: int

    def name(self, modality: int) -> str:
        """The name of its file of a modality, without suffix."""
        return "-".join(f"{code:02d}" for code in (modality, *dataclasses.astuple(self)))

    @property
    def label(self) -> str:
        """Its class."""
        return EMOTIONS[self.emotion - 1]

    @property
    def split(self) -> str:
        """The fold that tests on its actor."""
        return f"fd{(self.actor - 1) // 4 + 1}"


def identify(stem: str) -> str | None:
    """Returns a name of seven fields as released, None if it is none; blanks or _ may divide it."""
    match = _NAME.fullmatch(stem)
    return "-".join(match.groups()) if match else None


def parse(name: str) -> tuple[int, Trial, str]:
    """Returns modality and trial of a name of seven fields, and what is wrong with it, or "".

    A trial may be wrong and of the right form: an actor who never sang, a strong neutral.
    """
    codes = [int(code) for code in _NAME.fullmatch(name).groups()]
    modality, trial = codes[0], Trial(*codes[1:])
    for code, (field, last) in zip(codes, _FIELDS, strict=True):
        if not 1 <= code <= last:
            return modality, trial, f"{field} {code:02d} is not one of 01..{last:02d}"
    if trial not in PUBLISHED:
        return modality, trial, "RAVDESS has no such trial"
    return modality, trial, ""


def _published() -> frozenset[Trial]:
    """60 spoken trials of each actor, 44 sung ones of all but actor 18: 1,440 and 1,012."""
    codes = itertools.product((1, 2), range(1, 9), (1, 2), (1, 2), (1, 2), ACTORS)
    return frozenset(
        trial
        for trial in itertools.starmap(Trial, codes)
        if (trial.emotion, trial.intensity) != (1, 2)
        and (trial.channel == 1 or (trial.emotion in _SUNG and trial.actor in SINGERS))
    )


PUBLISHED = _published()
