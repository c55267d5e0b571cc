"""Optimized IAL's Table VI: DFEW, each printed row with the config that aims at it.

    dfer compare configs/table6.py --dry_run
    dfer compare configs/table6.py

All rows but the last are of five folds; Optimized IAL's is of one fold, its best of many settings.
It is an ensemble (`dfer ensemble`), so it has no config here.
"""


def get_comparison():
    """Returns the list for `dfer compare`."""
    return {
        "title": "Optimized IAL, Table VI: DFEW",
        "table": "Optimized IAL, Table VI",
        "note": "The printed row of Optimized IAL is of one fold, tuned on it; the others of five.",
        "shared": {},
        "folds": (),
        "seeds": (0,),
        "entries": {
            "Former-DFER": ("configs/transformers/former_dfer.py", {}),
            "M3DFEL": ("configs/conv3d/m3dfel.py", {}),
            "AEN": ("configs/recurrent/aen.py", {}),
            "NR-DFERNet": ("configs/transformers/nr_dfernet.py", {}),
            "ResNet18 + MIDAS": ("configs/recurrent/midas.py", {}),
            "GCA+IAL": ("configs/dfew.py", {}),
        },
    }
