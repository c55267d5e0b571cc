"""ResNet-18 and LSTM with AEN's emotion groups on DFEW, one official fold.

B. Lee, H. Shin, B. Ku, H. Ko, "Frame Level Emotion Guided Dynamic Facial Expression Recognition
With Emotion Grouping", CVPR workshops 2023. Published: UAR 56.66, WAR 69.37 over five folds
(recalls of neutral, anger, surprise 70.67, 72.08, 59.07); FERV39k 38.18, 47.88. Not to be
expected from this.

    dfer train configs/recurrent/aen.py fold=1

A reconstruction of one part: a coarse decision between groups of expressions beside the fine one.
No code is public; groups, weight, network and recipe (Former-DFER's) are ours. The pseudo labels of
frames and the branch of several semantic levels are not built: nothing of them is known to us.
"""

from configs.transformers import former_dfer


def get_config():
    """Returns the experiment."""
    config = former_dfer.get_config()
    config.name = "aen"
    config.model.name = "resnet18_lstm"
    config.loss.groups = (
        ("happiness", "surprise"),
        ("neutral",),
        ("sadness", "anger", "disgust", "fear"),
    )
    config.loss.group_weight = 1.0
    return config
