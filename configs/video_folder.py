"""GCA+IAL, small, on one's own clips: some hundred videos, a laptop or one GPU.

    dfer build video_folder/mine --manual_dir my_videos
    dfer train configs/video_folder.py data.dataset=video_folder/mine

The network is the published one at a quarter of its width, 8 frames of 64 x 64, and learns from
nothing but these clips; few clips give a modest model. Faces have to fill most of the picture.
On two CPU cores it trains on about 20 clips a second: 300 clips take 10 minutes. With a GPU and
thousands of clips start from configs/dfew.py, with data.num_folds=0 fold=0.
"""

from configs import base


def get_config():
    """Returns the experiment."""
    config = base.get_config()
    config.name = "video_folder"
    config.data.dataset = "video_folder/default"
    config.data.validation_split = "validation"
    config.data.segments = 8
    config.data.decode_size = 72
    config.model.image_size = 64
    config.model.width = 16
    config.optim.learning_rate = 0.005
    config.optim.weight_decay = 5e-4
    config.optim.decay_epochs = 10.0
    config.train.batch_size = 8
    config.train.epochs = 40
    config.eval.batch_size = 8
    return config
