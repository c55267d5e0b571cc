"""Judges the training clips of a run: dfer judge --config CONFIG --workdir RUN .

    dfer judge configs/dfew.py fold=2 --workdir runs/dfew_fold2

Any run on clips will do, however it was trained: its last checkpoint is asked about several random
views of each training clip. Where all of them get the same class, and it is not the label, the
label may be wrong; where they differ, the clip is hard. Writes eval/train.judged.json and .csv, the
latter with the most doubtful labels first, and shows them in report.html.
"""

import jax
from absl import app, flags, logging
from ml_collections import config_flags

from dfer_jax.runtime import config_file

_CONFIG = config_flags.DEFINE_config_file(
    "config", None, "The run's experiment file, with its overrides; config.robust has the settings"
)
_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Of the run; default runs/<config name>, with its fold and seed"
)
_SHOWN = 10


def main(argv: list[str]) -> None:
    """Judges, writes and prints the most doubtful labels."""
    # Imported after the flags, so that --help is quick.
    from dfer_jax.clips import evaluate_run
    from dfer_jax.runs.workdir import default_workdir
    from dfer_jax.runs.workdir_lock import only_run
    from dfer_jax.runtime import compilation_cache, processes

    if argv[1:]:
        raise app.UsageError(f"unexpected arguments {argv[1:]}; values are given as --flag=value")
    config = config_file.load(_CONFIG)
    workdir = _WORKDIR.value or default_workdir(config)
    processes.start()
    compilation_cache.enable()
    processes.say(f"{config.name}: {workdir} on {len(jax.devices())} device(s)")
    overrides = config_flags.get_override_values(flags.FLAGS["config"])
    with only_run(workdir, create=False):
        judged = evaluate_run.judge_last_checkpoint(config, workdir, overrides=overrides)
    for row in judged.noisiest[:_SHOWN]:
        label, found = (judged.classes[i[row]] for i in (judged.labels, judged.modal_class))
        processes.say(
            f"{judged.clip_ids[row]}: {label} -> {found}, margin {judged.margin[row]:.2f}"
        )


if __name__ == "__main__":
    logging.set_verbosity(logging.WARNING)
    config_file.run(main)
