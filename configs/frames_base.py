"""Every field of an experiment on videos labelled frame by frame; see base.py for clips.

The fields that are not set here mean what they do in base.py.
Deviates: crops are drawn as GCA+IAL's are (uniform width / height, or its inverse), because one
augmentation serves all; the released ABAW 2021 code draws its logarithm.
"""

import ml_collections

from configs import base


def get_config() -> ml_collections.ConfigDict:
    """Returns the static CNN of ABAW 2021, without a data set."""
    config = base.get_config()
    config.name = "frames_base"
    config.task = "frames"
    del config.pretrain, config.robust

    config.data = data = ml_collections.ConfigDict()
    data.dataset = ""  # TFDS name with its config, e.g. aff_wild2/expr
    data.data_dir = "data"
    data.num_folds = 0  # such data sets have none
    data.train_split = "train"
    data.test_split = "test"
    data.validation_fraction = 0.0  # of the training videos, held out to choose the best epoch
    data.labels = "expressions"  # or action_units
    data.other = False  # whether "other" is an eighth expression (ABAW from 2022 on)
    data.window = 1  # frames the model sees at once, odd: the one in the middle is scored
    data.stride = 1  # training windows start every so many frames
    data.max_gap = 8  # most frames that may be missing between two neighbours in a window
    data.decode_size = 112  # frames reach the device as decode_size x decode_size uint8
    data.features = False  # train on what the frozen backbone makes of each frame, computed once
    data.features_dtype = "float32"  # float16 takes half the room, rounded
    data.cache_dir = ""  # folder for packed frames and features; "": beside the data set
    data.num_workers = 0

    config.augment.enabled = True  # False: pictures as in evaluation
    config.augment.per_frame = False  # crops and flips of the window; True: of each of its frames
    config.augment.area = (0.8, 1.0)
    config.augment.ratio = (3 / 4, 4 / 3)
    config.augment.max_degrees = 0.0
    config.augment.brightness = 0.0

    config.model = model = ml_collections.ConfigDict()
    model.name = "resnet50"
    model.image_size = 224  # pixels, at least 32
    model.normalisation = "vggface2_rgb"  # of the pre-trained weights; imagenet, abaw2021_code
    model.width = 64  # channels of the stem
    model.stage_sizes = (3, 4, 6, 3)  # blocks per stage
    model.squeeze_excite = False
    model.dtype = "auto"

    config.loss = loss = ml_collections.ConfigDict()
    loss.balanced = False  # weigh classes by inverse frequency; action units by negatives/positives

    config.optim.learning_rate = 5e-4
    config.optim.weight_decay = 5e-4
    config.optim.schedule = "multi_step"
    config.optim.decay_rate = 0.1
    config.optim.milestones = (2, 4, 8)

    config.train.init_from = ""  # work directory whose backbone training starts from
    config.train.batch_size = 96
    config.train.epochs = 10
    config.train.freeze_batch_norm_after = 0  # epochs; 0: never (1: what the released code did)

    config.eval.batch_size = 96
    config.eval.edition = "abaw2"  # best epoch by its score; abaw3: macro-F1 alone, from 2022 on
    return config
