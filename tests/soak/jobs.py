"""Commands that write something, what they leave when nothing disturbs them, and starting them."""

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import fold_dataset
import frame_folders
import jax
import numpy as np
import prediction_files
import saved_weights
import tensorflow_datasets as tfds
import video_files
import xla_flags
from soak import warm

from dfer_jax.data.contents import contents_of
from dfer_jax.runs import checkpoint

MEASURED_TIME = ("clips_per_s", "data_wait")  # differ from run to run
UNFINISHED = (".new", ".tmp", "tmp.", ".orbax-checkpoint-tmp", ".building", "incomplete.", "new-")


@dataclasses.dataclass(frozen=True)
class Job:
    """A command.

    Attributes:
        module: that is run.
        arguments: from the folder it writes to.
        outcome: from that folder to everything in it that does not depend on the clock.
        starter: of its processes.
    """

    module: str
    arguments: Callable[[Path], list[str]]
    outcome: Callable[[Path], object]
    starter: warm.Starter | None = None

    def start(self, folder: Path, *, injected: tuple[str, ...] = ()) -> warm.Started:
        """Starts it, with a fault if there is one."""
        return self.starter.start(self.module, self.arguments(folder), injected)


@contextlib.contextmanager
def ready(base: Path) -> Iterator[dict[str, Job]]:
    """Yields the jobs by name; what they read is made in a folder."""
    path = os.pathsep.join([os.getcwd(), f"{os.getcwd()}/tests"])
    env = {**os.environ, "XLA_FLAGS": xla_flags.of_devices(1), "PYTHONPATH": path}
    made = all_of(base)
    (base / "logs").mkdir()
    starter = warm.Starter(base / "logs", env)
    try:
        yield {name: dataclasses.replace(job, starter=starter) for name, job in made.items()}
    finally:
        starter.close()


def all_of(base: Path) -> dict[str, Job]:
    """Returns the jobs by name, nothing of them started."""
    release, data = frame_folders.write(base / "release"), base / "data"
    build = ["video_folder/soak", f"--manual_dir={release}"]
    subprocess.run(
        [sys.executable, "-m", "tfds_builders.build", *build, f"--data_dir={data}"],
        check=True,
        capture_output=True,
    )
    np.savez(base / "weights.npz", **frame_folders.state_dict())
    folds = [f"--config.{k}={v}" for k, v in fold_dataset.build(base / "folds").items()]
    phases = {"train.epochs": 3, "pretrain.epochs": 1, "pretrain.clips_per_class": 2}
    fields = frame_folders.fields(data, "video_folder/soak", **phases)
    return {
        "train": Job(
            "dfer_jax.main",
            lambda folder: ["--config=configs/base.py", *fields, f"--workdir={folder}"],
            run_outcome,
        ),
        "build": Job(
            "tfds_builders.build", lambda folder: [*build, f"--data_dir={folder}"], built_outcome
        ),
        "cache": Job(
            "dfer_jax.data.frame_cache",
            lambda folder: [
                *("video_folder/soak", f"--data_dir={data}", "--size=16", f"--cache_dir={folder}")
            ],
            files_in,
        ),
        "import": Job(
            "dfer_jax.interop",
            lambda folder: ["gca_ial", str(base / "weights.npz"), str(folder)],
            lambda folder: weights(folder, 0),
        ),
        "crossval": Job(
            "dfer_jax.clips.crossval",
            lambda folder: [
                *("--config=configs/synthetic.py", *folds, "--config.data.num_folds=3"),
                f"--workdir={folder}",
            ],
            lambda folder: [(folder / f"crossval.{kind}").read_bytes() for kind in ("json", "csv")],
        ),
        **_of_weights(base),
    }


def _of_weights(base: Path) -> dict[str, Job]:
    """Returns the jobs that read weights or predictions and train nothing."""
    weights, video = saved_weights.of_clips(base / "saved"), base / "talk.mp4"
    video_files.write_video(video, [video_files.picture(k) for k in range(12)])
    case = prediction_files.random_case(0, 40)
    members = [base / f"member{number}" for number in range(2)]
    for number, member in enumerate(members):
        probabilities = prediction_files.random_case(number, 40)[2]
        prediction_files.write(member, case[0], case[1], probabilities)
    return {
        "ensemble": Job(
            "dfer_jax.commands.ensemble",
            lambda folder: [*map(str, members), "--weights=0.25,0.75", f"--out={folder}"],
            lambda folder: [path.read_bytes() for path in sorted(folder.glob("eval/*.json"))],
        ),
        "export": Job(
            "dfer_jax.commands.export",
            lambda folder: [weights, f"--out={folder}"],
            lambda folder: (folder / "checksums.sha256").read_bytes(),
        ),
        "predict": Job(
            "dfer_jax.commands.predict",
            lambda folder: [str(video), f"--weights={weights}", "--cropped", f"--out={folder}"],
            lambda folder: (folder / "talk.csv").read_bytes(),
        ),
    }


def run_outcome(folder: Path) -> object:
    step = checkpoint.list_checkpoints(str(folder), best_metric="war")["last"]
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    rows = [{k: v for k, v in row.items() if not k.endswith(MEASURED_TIME)} for row in rows]
    evaluations = [path.read_bytes() for path in sorted((folder / "eval").glob("*.json"))]
    assert (folder / "report.html").stat().st_size > 1000
    return step, weights(folder, step), rows, evaluations


def weights(folder: Path, step: int) -> list[bytes]:
    variables, _ = checkpoint.load_weights(str(folder), step)
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(variables)]


def built_outcome(folder: Path) -> object:
    (info,) = folder.rglob("dataset_info.json")
    found = contents_of(tfds.builder_from_directory(info.parent))
    (info.parent / "contents.npz").unlink()
    return found.frames, found.labels


def files_in(folder: Path) -> object:
    found = {str(p.relative_to(folder)): p for p in folder.rglob("*") if p.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if not name.endswith(".npz")}


def leftovers(folder: Path) -> list[str]:
    """Returns what looks unfinished there."""
    found = [
        str(p.relative_to(folder)) for p in folder.rglob("*") if p.name != ".building"
    ]  # a lock
    return [name for name in found if any(mark in name for mark in UNFINISHED)]
