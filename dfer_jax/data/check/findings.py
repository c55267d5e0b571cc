"""Sorts what is wrong with a download into kinds, and says of each what to do.

Faults are exactly what the builder refuses, in its own words, so that check and builder cannot
disagree; warnings and notes are what it builds nevertheless.
"""

import collections
import dataclasses
import re
from collections.abc import Iterable, Sequence
from typing import Literal

from dfer_jax.data.check.leaks import Leaks
from dfer_jax.data.check.scan import ClipScan
from dfer_jax.data.check.strays import Strays
from tfds_builders import report
from tfds_builders.single_pass import SHORT, SinglePass

Severity = Literal["fault", "warning", "note"]


@dataclasses.dataclass
class Finding:
    """Everything of one kind.

    Attributes:
        severity: `fault` stops the build, `warning` does not, `note` is for information.
        kind: a stable name for programs.
        title: what it is, after the number of items.
        advice: what to do about it; empty if nothing.
        items: one line each, complete.
    """

    severity: Severity
    kind: str
    title: str
    advice: str
    items: list[str]


_AGAIN = "extract them again from the archive"
_LISTS = "extract the lists of the release again; do not edit them"
_FAULTS = (  # kind, pattern of the builders' words, title, advice; the first that matches counts
    ("empty_file", r"the file is empty", "files are empty", _AGAIN),
    ("link_out", r"a link to .*, outside|(is|behind) a link (that leads )?out of|leads out of",
     "links lead out of manual_dir", "put what they lead to in their place"),
    ("duplicate_number", r"has the frame number of", "files repeat a frame number of their clip",
     "remove the copy, or " + _AGAIN),
    ("odd_name",
     r"has no frame number|has the time of|is a frame of clip|is not a file|is not clear",
     "files are not named as a frame of their clip", "remove or rename them, or " + _AGAIN),
    ("lfs_pointer", r"Git LFS pointer", "reasons to fetch the videos first",
     "git lfs install && git lfs pull, in the clone"),
    ("wrong_name", r"is not one of (\d\d\.\.|\d{4}\.\.|IEO|ANG)|has no such (trial|clip)"
     r"|but lies in", "files are not named as those of the release", "rename or remove them"),
    ("duplicate_row", r"already in line|differ in their suffix only",
     "rows name a clip a second time", _LISTS),
    ("table", r"paths (have lost|lack|name another)|no split, though|is absolute|no path"
     r"|label .* is (close to|not one of the classes stated)|no label|the label is the number",
     "rows of the table have to be mended", "mend them in the table"),
    ("label", r"label .* is not one of|label .*, a folder of|the label is|not one of the expr"
     r"|labels here are 0|more labels", "labels are not those of the release", _LISTS),
    ("unknown_clip", r"unknown (clip|scene|class)|columns where|cells for|is not a row|no row names"
     r"|in no test list", "rows are not those of the release", _LISTS),
    ("lists_disagree", r"(in|from) the (test|training) lists? of|in the lists of|in several splits"
     r"|both the (\w+ )?list of", "clips are on two sides of a split, or lists disagree", _LISTS),
    ("two_folders", r"ha(s|ve) two (folders|videos)|two .* of clip", "clips are there twice",
     "remove one of the two"),
    ("wrong_form", r"16-frame form", "clips are of another form of the release",
     "keep the forms in folders of their own"),
    ("empty_split", r"would be empty", "splits have no clip",
     "extract the clips, or divide them otherwise"),
    ("copies", r"same file|same pictures", "clips are exact copies in several splits",
     "remove one of each, or put both in one split"),
    ("missing_clip", r"no folder$|no video$|is not there|no video by its suffix",
     "listed clips are missing", "extract them, or leave them out by --allow_missing"),
    ("empty_clip", r"no image in its folder|a folder without images",
     "listed clips have no frame", _AGAIN + ", or leave the clips out by --allow_missing"),
    ("colours", r"CMYK|YCCK|is transparent|a 16-bit image",
     "images have colours that decoders read differently", _AGAIN + ", or convert them to RGB"),
    ("too_large", r"pixels; more than|decompression bomb|file is larger|more than [\d,]+ frames"
     r"|size of its pictures",
     "files are too large for what they should be", "remove them; " + _AGAIN),
    ("truncated", r"truncated|cut short|damaged|not a readable|no frame in it",
     "files are truncated or damaged", _AGAIN),
    ("wrong_type", r"not a (PNG|JPEG|video)|an animated|only sound|a code that no decoder",
     "files are not what their suffix says", _AGAIN),
    ("unreadable", r"cannot be (read|used)", "files or folders cannot be read",
     "allow yourself to read them (chmod -R u+rX), or " + _AGAIN),
)  # fmt: skip


def sort_faults(problems: Iterable[str], *, own: str = "") -> list[Finding]:
    """Returns the builders' problems by kind, each once; none is left out.

    Args:
        problems: in the builders' words.
        own: what to do instead of extracting again what was never in an archive.
    """
    by_kind: dict[str, Finding] = {}
    for problem in dict.fromkeys(problems):
        kind, title, advice = _kind_of(problem)
        if own:
            advice = advice.replace(_LISTS, own).replace(_AGAIN, own)
        finding = by_kind.setdefault(kind, Finding("fault", kind, title, advice, []))
        finding.items.append(problem)
    return list(by_kind.values())


def _kind_of(problem: str) -> tuple[str, str, str]:
    for kind, pattern, title, advice in _FAULTS:
        if re.search(pattern, problem):
            return kind, title, advice
    return "other", "further problems", "do what they say, or extract the release again"


def sort_rest(
    state: SinglePass, scans: Sequence[ClipScan], strays: Strays, leaks: Leaks
) -> list[Finding]:
    """Returns what does not stop the build: warnings first, then notes."""
    listing = state.listing
    clips = list(zip(listing.clips, scans, strict=True))
    mixed = [f"{c.id} ({_sizes(scan)})" for c, scan in clips if len(scan.sizes) > 1]
    fewer = [
        f"{clip.id} ({scan.num_frames:,} of {scan.announced_frames:,} frames)"
        for clip, scan in clips
        if 0 < scan.num_frames < scan.announced_frames
    ]
    short = [f"{c.id} ({scan.length})" for c, scan in clips if 0 < scan.length < SHORT]
    grey = [
        f"{c.id} ({scan.num_grey:,} of {scan.num_frames:,})" for c, scan in clips if scan.num_grey
    ]
    black = [
        f"{c.id} ({scan.num_black:,} of {scan.num_frames:,})" for c, scan in clips if scan.num_black
    ]
    changes = sum((scan.changes for scan in scans), collections.Counter())
    told = [line for line in state.warnings if not (strays.unlisted and "in no list" in line)]
    found = [
        ("warning", "leak", "pairs of clips in different splits show the same frames",
         "leave one of each out of training, or say in your results that they are in",
         [str(pair) for pair in leaks.pairs]),
        ("warning", "leaks_incomplete", "comparisons were not completed", "",
         ["so many clips look alike that only the closest pairs were compared frame by frame"]
         * leaks.incomplete),
        ("warning", "counts", "counts differ from the published ones",
         "extract all parts of the release; or it is another edition, then go on",
         _differing_counts(state)),
        ("warning", "missing_left_out", "listed clips are missing and will be left out", _AGAIN,
         [] if state.missing else listing.missing),
        ("warning", "gap", "clips skip frame numbers", "if frames are lost, " + _AGAIN,
         listing.gaps),
        ("warning", "stray_file", "files in clip folders are no frames and will be left out",
         "remove them if they are not yours to keep", listing.not_frames),
        ("warning", "misnamed_folder", "folders among the clips are not named as clips are and "
         "will be left out", "rename or remove them", strays.misnamed),
        ("warning", "loose_file", "images or videos lie outside every clip and will be left out",
         "move them to their clips or remove them", strays.loose),
        ("warning", "mixed_sizes", "clips have frames of different sizes",
         "they are resized one by one; look whether two clips were mixed", mixed),
        ("warning", "black", "clips have black frames, as where a program found no face",
         "leave the frames out if they are many", black),
        ("warning", "fewer_frames", "videos have fewer frames than they announce",
         "they may be cut short; " + _AGAIN, fewer),
        ("warning", "builder", "remarks of the builder", "", told),
        ("note", "short_clip", f"clips have fewer than {SHORT} frames (some are repeated)", "",
         short),
        ("note", "stored_as_png", "kinds of images will be stored as PNG", "",
         [f"{number:,} frames: {what}" for what, number in changes.most_common()]),
        ("note", "grey", "clips have frames without colour (taken as RGB)", "", grey),
        ("note", "unlisted", "clips are in no list and will be left out", "", strays.unlisted),
    ]  # fmt: skip
    return [Finding(*fields) for fields in found if fields[-1]]


def _sizes(scan: ClipScan) -> str:
    return ", ".join(f"{height}x{width}" for height, width in sorted(scan.sizes))


def _differing_counts(state: SinglePass) -> list[str]:
    """Returns a line for each split whose number of clips of some class is not the published."""
    if not state.expected:
        return []
    counts = report.counts_of(state)
    lines = []
    for split, published in state.expected.items():
        wrong = [
            f"{name} {have:,} for {want:,}"
            for name, have, want in zip(state.classes, counts[split], published, strict=True)
            if have != want
        ]
        if wrong:
            total = f"{sum(counts[split]):,} clips, {sum(published):,} published"
            lines.append(f"{split}: {total} ({', '.join(wrong)})")
    return lines
