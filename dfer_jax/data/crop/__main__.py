"""Cuts the faces out of raw videos, for a builder to take.

    dfer crop videos crops
    dfer crop videos/labels.csv crops --like dfew
    dfer build video_folder/ours --manual_dir crops

The first name is a folder of videos at any depth, as RAVDESS's and CREMA-D's, or one with a
labels.csv, or that table; the second is where the crops go. Of every video the face that fills most
of it becomes <clip>/000001.jpg, ..., numbered as the video's frames: a frame without it is left
out. crop_settings.json says how they were cut and goes with them into data sets and checkpoints;
_faces/ has a table of all faces of every frame, and of all clips; contact_sheet.jpg is to be looked
at. The same command goes on where it was stopped. Exit codes: 0 something was cropped, 1 nothing.
"""

import contextlib
import dataclasses
import os
from pathlib import Path

from absl import app, flags
from tqdm import tqdm

from dfer_jax.data.crop import record, summary
from dfer_jax.data.crop.clip import remove_unfinished
from dfer_jax.data.crop.plan import FACES_FOLDER, Plan, make_plan, write_tables
from dfer_jax.data.crop.pool import crop_videos
from dfer_jax.data.crop.record import Outcome
from dfer_jax.errors import StoppedError, UserError, counted, list_some, run
from dfer_jax.runtime.cores import usable_cores
from dfer_jax.runtime.durable_files import unfinished
from dfer_jax.runtime.file_lock import only_builder
from dfer_jax.video.faces import LIKE, CropSettings, find_model
from dfer_jax.video.faces.alignment import ALIGNMENTS
from dfer_jax.video.faces.settings_file import SETTINGS_FILE, read_settings, write_settings

_LIKE = flags.DEFINE_enum("like", None, sorted(LIKE), "Cut as the crops of this release look.")
_SIZE = flags.DEFINE_integer("size", None, "Pixels a side, instead of 224 or those of --like.")
_MARGIN = flags.DEFINE_float("margin", None, "Added on each side, as a share of the face.")
_ALIGNMENT = flags.DEFINE_enum("alignment", None, ALIGNMENTS, "How faces are turned and scaled.")
_MODEL = flags.DEFINE_string("face_model", None, "File of the face networks; see dfer faces.")
_PROCESSES = flags.DEFINE_integer(
    "num_processes", None, "Videos cropped at once; by default one for each core.", lower_bound=1
)


def main(argv: list[str]) -> None:
    """Crops what the command line names, and tells what was found."""
    if len(argv) != 3:
        raise app.UsageError("give videos and a folder for the crops: dfer crop IN OUT")
    source, out = (Path(name).expanduser() for name in argv[1:])
    plan = make_plan(source, out)
    model = find_model(_MODEL.value)
    settings = _settings()
    _require_same(out, settings)
    write_settings(out, settings)
    with only_builder(out, lock=out / FACES_FOLDER / "lock"):
        remove_unfinished(out)
        try:
            outcomes = _crop_all(plan, out, settings, model)
        finally:
            remove_unfinished(out)
        cropped = {outcome.clip for outcome in outcomes if outcome.cropped}
        summary.write_table(outcomes, plan.absent, out)
        if cropped:
            write_tables(plan, out, cropped)
            summary.write_sheet(outcomes, out)
    if not cropped:
        reason = next(outcome.error or "no face found" for outcome in outcomes)
        raise UserError(f"nothing was cropped ({outcomes[0].clip}: {reason}, ...); see {out}")
    names = [video.name for video in plan.videos]
    others = record.of_others(out, names) if plan.rows is None else []  # a table leaves them out
    print(summary.in_words(outcomes, plan.absent, plan.passed_over, others, out))


def _settings() -> CropSettings:
    settings = LIKE[_LIKE.value] if _LIKE.value else CropSettings()
    given = {"size": _SIZE.value, "margin": _MARGIN.value, "alignment": _ALIGNMENT.value}
    return dataclasses.replace(settings, **{k: v for k, v in given.items() if v is not None})


def _require_same(out: Path, settings: CropSettings) -> None:
    """Refuses a folder that holds crops cut otherwise, or something else."""
    before = read_settings(out)
    killed = unfinished(SETTINGS_FILE)  # as it wrote the first file
    if before is None and out.is_dir() and {*os.listdir(out)} - {killed}:
        raise UserError(f"{out} holds files that dfer crop did not write; name an empty folder")
    if before is not None and before != settings:
        differ = before.differences(settings) or [f"size: {before.size}, {settings.size}"]
        raise UserError(
            f"{out} holds crops cut otherwise ({'; '.join(differ)}); name another folder, or "
            "the settings that are there"
        )


def _crop_all(plan: Plan, out: Path, settings: CropSettings, model: Path) -> list[Outcome]:
    """Returns what became of every video, in their order.

    Raises:
        StoppedError: on a request to stop; what is done is kept.
    """
    outcomes = {video.name: record.done_before(out, video) for video in plan.videos}
    left = [video for video in plan.videos if outcomes[video.name] is None]
    if again := [v.name for v in left if record.path_of(out, v.name).exists()]:
        print(
            f"{counted(len(again), 'video')} cropped again, for the video or its crops are not "
            f"those of the last time:\n{list_some(again)}",
            flush=True,
        )
    processes = _PROCESSES.value or usable_cores()
    try:
        with (
            tqdm(total=len(left), desc="cropping", unit=" videos", disable=not left) as bar,
            contextlib.closing(
                crop_videos(left, out, settings, model, processes=processes)
            ) as results,
        ):
            for outcome in results:
                outcomes[outcome.clip] = outcome
                bar.update()
    except KeyboardInterrupt as error:
        done = sum(outcome is not None for outcome in outcomes.values())
        raise StoppedError(
            f"stopped; {done:,} of {len(outcomes):,} clips are done, the same command goes on"
        ) from error
    return list(outcomes.values())


if __name__ == "__main__":
    run(main)
