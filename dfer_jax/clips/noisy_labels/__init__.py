"""Which training clips may carry a wrong label, and which are hard: several views of each decide.

`clips` asks a trained model about random views of every clip, `files` keeps what they said. Try

    dfer judge configs/dfew.py --workdir runs/dfew
"""

from dfer_jax.clips.noisy_labels.clips import judge_clips
from dfer_jax.clips.noisy_labels.files import Judged, judged_file, read_judged, write_judged

__all__ = ["Judged", "judge_clips", "judged_file", "read_judged", "write_judged"]
