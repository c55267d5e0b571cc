"""EMO-AffectNet, the ResNet-50 and the LSTM, on DFEW, one official fold.

Published, on corpora left out of training: UAR Aff-Wild2 51.6, RAVDESS 65.8, CREMA-D 60.6, SAVEE
76.1, RAMAS 44.3, IEMOCAP 25.1; nothing on DFEW.

    dfer train configs/recurrent/emo_affectnet.py fold=1 train.init_from=runs/emo_affectnet

Deviates: the recipe is ours, for how the released weights were trained is not in its code; ten
frames are spread over a clip, where the release takes five a second in windows of two seconds.
"""

from configs.conv3d import base


def get_config(name="emo_affectnet", frames=10):
    """Returns the experiment, of the LSTM or of the still frames alone."""
    config = base.of_network(name, image_size=224, normalisation="vggface2_rgb")
    config.data.segments = frames
    config.augment.flip_probability = 0.5
    config.optim.name = "sgd"
    config.optim.learning_rate = 1e-3
    config.optim.schedule = "warmup_cosine"
    config.train.batch_size = 16
    config.train.epochs = 30
    return config
