"""GCA+IAL on FERV39k: 8 segments of 2 frames, lambda 0.15, 100 epochs.

Published (AAAI 2023, Table III): UAR 35.82, WAR 48.54. No FERV39k code was released; users of the
released DFEW code report about 40 to 43 WAR. As on DFEW, frames come from segments of real-valued
width. Leave data.min_frames at 0: a tenth of FERV39k's clips are shorter than 16 frames.

    dfer build ferv39k/all_scenes --manual_dir <folder of the release>
    dfer train configs/ferv39k.py

One scene alone, built as ferv39k/Action: data.dataset=ferv39k/Action
"""

from configs import base


def get_config():
    """Returns the experiment."""
    config = base.get_config()
    config.name = "ferv39k"
    config.data.dataset = "ferv39k/all_scenes"
    config.data.segments = 8
    config.data.frames_per_segment = 2
    config.loss.ial_weight = 0.15
    config.train.epochs = 100
    return config
