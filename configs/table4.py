"""GCA+IAL's Table IV: DFEW, five folds, each printed row with the config that aims at it.

    dfer build dfew/full --manual_dir <folder of the release>
    dfer compare configs/table4.py --dry_run
    dfer compare configs/table4.py

Rows marked (TI) have every clip interpolated to 16 frames, batches of 24 and rates of the DFEW
code, where the paper's come from a grid search. 16 trainings of five folds are weeks of one GPU.
"""

_TIM = {"data.sampling": "interpolated", "train.batch_size": 24}


def get_comparison():
    """Returns the list for `dfer compare`."""
    return {
        "title": "GCA+IAL, Table IV: DFEW",
        "table": "GCA+IAL, Table IV",
        "note": "Rows of interpolated clips (TI) do not compare with those of sampled frames.",
        "shared": {},
        "folds": (),
        "seeds": (0,),
        "entries": {
            "C3D (TI)": ("configs/conv3d/c3d.py", _TIM),
            "P3D (TI)": ("configs/conv3d/p3d63.py", _TIM),
            "R(2+1)D18 (TI)": ("configs/conv3d/r3d_18.py", _TIM),
            "3D ResNet18 (TI)": ("configs/conv3d/hara_resnet18_b.py", _TIM),
            "I3D-RGB (TI)": ("configs/conv3d/i3d.py", _TIM),
            "VGG11+LSTM (TI)": ("configs/recurrent/vgg11_lstm.py", _TIM),
            "ResNet18+LSTM (TI)": ("configs/recurrent/resnet18_lstm.py", _TIM),
            "3D R18 + center loss (TI)": ("configs/conv3d/centre_loss.py:hara_resnet18_b", _TIM),
            "EC-STFL (TI)": ("configs/conv3d/ecstfl_paper.py:hara_resnet18_b", _TIM),
            "3D ResNet18": ("configs/conv3d/hara_resnet18_b.py", {}),
            "ResNet18+LSTM": ("configs/recurrent/resnet18_lstm.py", {}),
            "ResNet18+GRU": ("configs/recurrent/resnet18_gru.py", {}),
            "Former-DFER": ("configs/transformers/former_dfer.py", {}),
            "STT": ("configs/transformers/stt.py", {}),
            "NR-DFERNet": ("configs/transformers/nr_dfernet.py", {}),
            "GCA+IAL": ("configs/dfew.py", {}),
        },
    }
