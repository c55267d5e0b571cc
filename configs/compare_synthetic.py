"""Every network of clips, small, on rendered faces under one protocol: an example to start from.

    dfer build synthetic_dfer/tiny
    dfer compare configs/compare_synthetic.py

16 frames of 48 x 48 pixels, 64 or 80 where a network needs them, about an eighth of each width, 560
training clips, eight epochs with warm-up and cosine: SGD for residual networks with BatchNorm
alone, AdamW for the others. It ranks nothing about real faces: no network has its own recipe, size
or pre-training here. S2D is left out, for its landmark network comes in one size.
"""

from configs import base

SMALL = {  # what differs from 48 x 48 pixels at width 8
    "gca_ial": {"width": 16, "attention": "gca", "reduction": 4, "aux_stages": ()},
    "rdfer": {
        "hidden": 32,
        "synopsis_depth": 10,
        "detail_depth": 10,
        "key_count": 4,
        "detail_stride": 1,
        "dropout": 0.0,
    },
    "c3d": {"dropout": 0.0},
    "i3d": {"dropout": 0.0},
    "p3d63": {"image_size": 80, "dropout": 0.0},
    "former_dfer": {"image_size": 64},
    "nr_dfernet": {"image_size": 64, "neutral": -1},
    "dfer_clip": {"image_size": 64, "width": 64, "depth": 4},
    "mae_dfer": {
        "width": 64,
        "num_heads": 4,
        "patch_size": 8,
        "drop_path": 0.0,
        "depth": 4,
        "region": (2, 3, 3),
    },
    "stt": {"depth": 2},
    "svfap_b": {
        "width": 64,
        "num_heads": 4,
        "patch_size": 8,
        "drop_path": 0.0,
        "stages": (2, 2, 2),
        "bottleneck": 4,
    },
}
NETWORKS = {
    "GCA+IAL": "gca_ial",
    "RDFER": "rdfer",
    "C3D": "c3d",
    "P3D-63": "p3d63",
    "R(2+1)D-18": "r2plus1d_18",
    "R3D-18": "r3d_18",
    "MC3-18": "mc3_18",
    "3D ResNet-18 A": "hara_resnet18_a",
    "3D ResNet-18 B": "hara_resnet18_b",
    "I3D": "i3d",
    "M3DFEL": "m3dfel",
    "ResNet-18": "resnet18",
    "VGG-13": "vgg13",
    "VGG-16": "vgg16",
    "ResNet-18 + LSTM": "resnet18_lstm",
    "ResNet-18 + GRU": "resnet18_gru",
    "VGG-11 + LSTM": "vgg11_lstm",
    "VGG-13 + LSTM": "vgg13_lstm",
    "VGG-16 + LSTM": "vgg16_lstm",
    "DFEW code's ResLSTM": "dfew_reslstm",
    "Former-DFER": "former_dfer",
    "NR-DFERNet": "nr_dfernet",
    "STT": "stt",
    "DFER-CLIP": "dfer_clip",
    "MAE-DFER": "mae_dfer",
    "SVFAP": "svfap_b",
    "EmoAffectNet stills": "emo_affectnet_static",
    "EmoAffectNet LSTM": "emo_affectnet",
}
SGD_RATES = {  # SGD with momentum at these rates, where AdamW is not used
    "p3d63": 0.005,
    **dict.fromkeys(
        (
            "r2plus1d_18",
            "r3d_18",
            "mc3_18",
            "hara_resnet18_a",
            "hara_resnet18_b",
            "i3d",
            "resnet18",
            "resnet18_lstm",
            "resnet18_gru",
            "dfew_reslstm",
            "emo_affectnet_static",
            "emo_affectnet",
        ),
        0.02,
    ),
}
EPOCHS = 8


def get_config(network="r3d_18"):
    """Returns the experiment of one network."""
    config = base.get_config()
    config.name = f"small_{network}"
    config.data.dataset = "synthetic_dfer/tiny"
    config.data.clips_per_class = 80
    own = {"image_size": 48, "width": 8, **SMALL.get(network, {})}
    if network not in ("gca_ial", "rdfer"):
        own["normalisation"] = "none"
    model = {"name": network, **own, "dtype": config.model.dtype}
    config.model = type(config.model)(model)
    config.data.decode_size = own["image_size"] + 8
    config.augment.brightness = 0.2
    config.loss.ial_weight = 0.1 if network == "gca_ial" else 0.0
    config.loss.aux_weights = (0.5,) if network == "rdfer" else ()
    config.loss.instance_weights = (0.5, 0.5) if network == "rdfer" else ()
    if network in SGD_RATES:
        config.optim.learning_rate = SGD_RATES[network]
        config.optim.weight_decay = 5e-4
    else:
        config.optim.name = "adamw"
        without_norm = network.startswith("vgg")
        config.optim.learning_rate = 5e-4 if without_norm else 2e-3
        config.optim.weight_decay = 0.01
    config.optim.schedule = "warmup_cosine"
    config.optim.warmup_epochs = 1.0
    config.optim.final_learning_rate = config.optim.learning_rate / 100
    config.train.batch_size = 20
    config.train.epochs = EPOCHS
    config.train.eval_every_epochs = EPOCHS
    return config


def get_comparison():
    """Returns the list for `dfer compare`."""
    return {
        "title": "Every network, small, on rendered faces",
        "table": "",
        "note": "It ranks nothing about real faces.",
        "shared": {},
        "folds": (),
        "seeds": (0, 1, 2),
        "entries": {
            name: (f"configs/compare_synthetic.py:{network}", {})
            for name, network in NETWORKS.items()
        },
    }
