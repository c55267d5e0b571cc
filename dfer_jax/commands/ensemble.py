r"""Combines saved predictions: Y = sum of w_i * Y_i on probabilities (Optimized IAL, Eq. 8).

Clips are matched by id. The weights are given, or fitted on predictions for held-out training
clips (`eval/validation.json` of runs with data.validation_fraction > 0); two members try the
paper's grid, beta = 0, .05, ... 1. The test clips choose the weights only if you say
--select_on_test, which is what the paper did; the results then say so.

    dfer ensemble runs/ce_fold1 runs/star_fold1 --out runs/f_fold1
    dfer ensemble runs/a_fold1/eval/fd1.best.json runs/b_fold1 --weights=.3,.7 --out runs/ab_fold1

Runs on videos labelled frame by frame (ABAW 2021) are combined frame by frame; fitted are then the
weights in steps of .05 with the highest challenge score. The paper says neither its weights nor
whether it sums probabilities or logits (--space=logit).

    dfer ensemble runs/cnn runs/gru runs/transformer --weights=.6,.2,.2 --out runs/all
"""

from absl import app, flags, logging

from dfer_jax import errors
from dfer_jax.results.ensemble_weights import check_free, given_weights
from dfer_jax.runs import evaluation_files
from dfer_jax.runs.workdir_lock import only_one

_OUT = flags.DEFINE_string("out", None, "New work directory for the combined evaluation")
_WEIGHTS = flags.DEFINE_list("weights", None, "One weight per member, summing to 1: .3,.7")
_FIT_ON = flags.DEFINE_list(
    "fit_on", None, "Fit on these evaluation files, one per member; default: their validation files"
)
_SELECT_ON_TEST = flags.DEFINE_bool(
    "select_on_test", False, "Choose the weights on the test clips, as the paper does: optimistic"
)
_SPACE = flags.DEFINE_enum("space", "prob", ["prob", "logit"], "What is summed, of frames")
_EDITION = flags.DEFINE_enum(
    "edition", "abaw2", ["abaw2", "abaw3"], "Whose score counts, of frames (abaw3: 2022 and later)"
)


def main(argv: list[str]) -> None:
    """Combines the evaluations named on the command line and writes the report of the result."""
    if len(argv) < 3:
        raise app.UsageError("give two or more work directories or eval/<split>.json files")
    asked = [f"--{f.name}" for f in (_WEIGHTS, _FIT_ON, _SELECT_ON_TEST) if f.value]
    if len(asked) > 1:
        raise app.UsageError(f"{' and '.join(asked)} exclude each other")
    with only_one(_OUT.value):
        _combine(argv)


def _combine(argv: list[str]) -> None:
    check_free(_OUT.value)
    paths = [evaluation_files.evaluation_file(path) for path in argv[1:]]
    if evaluation_files.is_of_frames(paths[0]):
        _combine_frames(paths)
        return
    from dfer_jax.clips import ensemble  # here, so that --help is quick

    ensemble.combine_runs(
        paths,
        weights=_WEIGHTS.value,
        fit_on=_FIT_ON.value,
        select_on_test=_SELECT_ON_TEST.value,
        out=_OUT.value,
    )


def _combine_frames(paths: list[str]) -> None:
    from dfer_jax.frames import ensemble

    weights, fit_on = None, ()
    if _WEIGHTS.value:
        weights = given_weights(_WEIGHTS.value, members=len(paths))
    elif _SELECT_ON_TEST.value:
        raise app.UsageError("--select_on_test is for clips; fit on held-out videos, of frames")
    else:
        fit_on = evaluation_files.held_out_files(paths, _FIT_ON.value)
    ensemble.combine_runs(
        paths,
        weights=weights,
        held_out=fit_on,
        space=_SPACE.value,
        edition=_EDITION.value,
        out=_OUT.value,
    )


if __name__ == "__main__":
    flags.mark_flag_as_required("out")
    logging.set_verbosity(logging.WARNING)
    errors.run(main)
