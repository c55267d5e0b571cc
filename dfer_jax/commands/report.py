"""Writes the report of a run, or one page that compares several.

dfer report runs/synthetic                          # runs/synthetic/report.html
dfer report runs/ce runs/ial --out compare.html     # and pictures in compare/
"""

from absl import app, flags, logging

from dfer_jax import errors
from dfer_jax.clips.report.comparison import write_comparison
from dfer_jax.clips.report.page import write_report
from dfer_jax.frames import report as frames_report
from dfer_jax.frames.report.comparison import write_comparison as frames_comparison
from dfer_jax.runs.workdir_lock import only_one

_OUT = flags.DEFINE_string(
    "out", None, "Page that compares several runs; default compare.html; of one run: not given"
)


def main(argv: list[str]) -> None:
    """Writes the report of the work directories named on the command line."""
    workdirs = argv[1:]
    if not workdirs:
        raise app.UsageError("give a work directory: dfer report WORKDIR [WORKDIR..]")
    if len(workdirs) == 1:
        if _OUT.value:
            raise app.UsageError("--out names the page of several runs; give two or more")
        write = frames_report.write_report if frames_report.fits(workdirs[0]) else write_report
        with only_one(workdirs[0], create=False):
            print(f"wrote {write(workdirs[0])}")
        return
    out = _OUT.value or "compare.html"
    if not out.endswith(".html"):
        raise app.UsageError(f"--out={out} must end in .html")
    compare = frames_comparison if any(map(frames_report.fits, workdirs)) else write_comparison
    with only_one(out.removesuffix(".html")):  # the folder of its pictures
        print(f"wrote {compare(workdirs, out)}")


if __name__ == "__main__":
    logging.set_verbosity(logging.WARNING)
    errors.run(main)
