"""GCA+IAL's Table V: FERV39k, each printed row with the config that aims at it.

    dfer build ferv39k/all_scenes --manual_dir <folder of the release>
    dfer compare configs/table5.py --dry_run
    dfer compare configs/table5.py

Networks have the recipes of their DFEW configs, on the official split, all clips, 8 segments of 2
frames; FERV39k's own recipes of its baselines are not known to us.
"""

_FERV39K = {
    "fold": 0,
    "data.dataset": "ferv39k/all_scenes",
    "data.num_folds": 0,
    "data.segments": 8,
    "data.frames_per_segment": 2,
    "data.min_frames": 0,  # a tenth of its clips are shorter than 16 frames
}


def get_comparison():
    """Returns the list for `dfer compare`."""
    return {
        "title": "GCA+IAL, Table V: FERV39k",
        "table": "GCA+IAL, Table V",
        "note": "Every network of the table is trained with the recipe of its DFEW config.",
        "shared": _FERV39K,
        "folds": (),
        "seeds": (0,),
        "entries": {
            "C3D": ("configs/conv3d/c3d.py", {}),
            "P3D": ("configs/conv3d/p3d63.py", {}),
            "I3D-RGB": ("configs/conv3d/i3d.py", {}),
            "R(2+1)D": ("configs/conv3d/r2plus1d_18.py", {}),
            "3D ResNet18": ("configs/conv3d/hara_resnet18_b.py", {}),
            "VGG13+LSTM": ("configs/recurrent/vgg13_lstm.py", {}),
            "VGG16+LSTM": ("configs/recurrent/vgg16_lstm.py", {}),
            "ResNet18+LSTM": ("configs/recurrent/resnet18_lstm.py", {}),
            "Former-DFER": ("configs/transformers/former_dfer.py", {}),
            "NR-DFERNet": ("configs/transformers/nr_dfernet.py", {}),
            "GCA+IAL": ("configs/ferv39k.py", {}),
        },
    }
