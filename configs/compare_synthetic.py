"""Every network of clips, small, on rendered faces under one protocol: an example to start from.

    dfer build synthetic_dfer/tiny
    dfer compare configs/compare_synthetic.py

48 x 48 pixels, 64 or 80 where a network needs them, about an eighth of most widths, 560 training
clips, flipped and nothing else. Networks of clips see 16 frames and train for six epochs in batches
of 8; those that look at every frame alone first see 8 frames and train for twelve in batches of 4.
Where a network did not learn so, it has its own rate, batch or epochs below. P3D-63 and R(2+1)D-18
learned by SGD from cropped clips, P3D-63 wider too; MAE-DFER and SVFAP when a tubelet was a quarter
of a face and there were fifty epochs, of which the first ten show nothing. It ranks nothing about
real faces: no network has its published recipe, size or pre-training here. S2D is left out, for its
landmark network comes in one size.
"""

from configs import base

OF_TUBELETS = {"patch_size": 24, "width": 128, "num_heads": 2, "drop_path": 0.0}
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
    "p3d63": {"image_size": 80, "width": 16, "dropout": 0.0},
    "former_dfer": {"image_size": 64},
    "nr_dfernet": {"image_size": 64, "neutral": -1},
    "dfer_clip": {"image_size": 64, "width": 64, "depth": 4},
    "mae_dfer": {**OF_TUBELETS, "depth": 3, "region": (1, 2, 2)},
    "stt": {"depth": 2},
    "svfap_b": {**OF_TUBELETS, "stages": (2, 1, 1), "bottleneck": 4},
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
OF_FRAMES = (  # networks that look at every frame alone first
    "resnet18",
    "vgg13",
    "vgg16",
    "resnet18_lstm",
    "resnet18_gru",
    "vgg11_lstm",
    "vgg13_lstm",
    "vgg16_lstm",
    "dfew_reslstm",
    "emo_affectnet_static",
    "emo_affectnet",
)
OF_PATCHES = ("mae_dfer", "svfap_b", "dfer_clip")  # made to start from what they were trained on
BY_SGD_FROM_CROPS = ("p3d63", "r2plus1d_18")  # convolutions taken apart into space and time
RATES = {"m3dfel": 2e-3, **dict.fromkeys(("vgg13_lstm", "vgg16_lstm"), 3e-4)}
BATCH_AND_EPOCHS = {
    **dict.fromkeys((*OF_FRAMES, "i3d"), (4, 12)),
    **dict.fromkeys(("vgg13_lstm", "vgg16_lstm", "emo_affectnet"), (4, 20)),
    "dfer_clip": (8, 16),
    **dict.fromkeys(("mae_dfer", "svfap_b"), (8, 50)),
    "m3dfel": (20, 8),
    **dict.fromkeys(BY_SGD_FROM_CROPS, (20, 20)),
}


def get_config(network="r3d_18"):
    """Returns the experiment of one network."""
    config = base.get_config()
    config.name = f"small_{network}"
    config.data.dataset = "synthetic_dfer/tiny"
    config.data.clips_per_class = 80
    own = {"image_size": 48, "width": 8, **SMALL.get(network, {})}
    unnormalised = network.startswith("vgg") or network in OF_PATCHES  # no BatchNorm
    if network not in ("gca_ial", "rdfer"):
        own["normalisation"] = "imagenet" if unnormalised else "none"
    model = {"name": network, **own, "dtype": config.model.dtype}
    config.model = type(config.model)(model)
    config.data.decode_size = own["image_size"] + 8
    augment = config.augment
    augment.area = augment.ratio = (1.0, 1.0)  # flips alone
    augment.max_degrees = augment.brightness = 0.0
    config.loss.ial_weight = 0.1 if network == "gca_ial" else 0.0
    config.loss.aux_weights = (0.5,) if network == "rdfer" else ()
    config.loss.instance_weights = (0.5, 0.5) if network == "rdfer" else ()
    config.optim.name, config.optim.weight_decay = "adamw", 0.01
    config.optim.learning_rate = RATES.get(network, 5e-4 if unnormalised else 1e-3)
    if network in BY_SGD_FROM_CROPS:
        augment.area = (0.8, 1.0)
        config.optim.name, config.optim.weight_decay = "sgd", 5e-4
        config.optim.learning_rate = 5e-3
    config.optim.schedule = "warmup_cosine"
    config.optim.warmup_epochs = 1.0
    config.optim.final_learning_rate = config.optim.learning_rate / 100
    if network in OF_FRAMES:
        config.data.segments = 8
    config.train.batch_size, config.train.epochs = BATCH_AND_EPOCHS.get(network, (8, 6))
    config.train.eval_every_epochs = config.train.epochs
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
