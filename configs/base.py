"""Every field of an experiment, declared once. The other files here start from it.

Override any field on the command line:
    dfer train configs/dfew.py fold=2 optim.momentum=0.8
Tuples are written in quotes: model.aux_stages='("layer2",)'
"""

import ml_collections


def get_config() -> ml_collections.ConfigDict:
    """Returns GCA+IAL as released, without a data set."""
    config = ml_collections.ConfigDict()
    config.name = "base"  # default work directory: runs/<name>
    config.task = "clips"  # clips with one label each; frames: configs/frames_base.py
    config.seed = 0  # every random number of the run follows from it
    config.fold = 0  # 1..num_folds: test on this fold, train on the others; 0: no folds

    config.data = data = ml_collections.ConfigDict()
    data.dataset = ""  # TFDS name with its config, e.g. dfew/full
    data.data_dir = "data"  # where the data set was built
    data.num_folds = 0  # >0: splits are fd1..fdN; 0: train_split and test_split
    data.train_split = "train"
    data.test_split = "test"
    data.validation_split = ""  # chooses the best epoch, where the data set has such a split
    data.validation_fraction = 0.0  # of the training clips, held out to choose the best epoch
    data.clips_per_class = 0  # train on so many of each class, drawn by the seed; 0: on all
    data.segments = 16  # U: the clip is cut into so many segments
    data.frames_per_segment = 1  # V: consecutive frames from each; the model sees T = U * V frames
    data.sampling = "uniform"  # any length; official: as released; strided; interpolated: TIM
    data.frame_step = 1  # strided: every r-th frame, from a random start in training
    data.test_views = 1  # uniform, strided: so many views of each test clip, averaged
    data.view_average = "probabilities"  # or logits
    data.min_frames = 0  # drop shorter clips, train and test (16: the released filter); counted
    data.decode_size = 128  # frames reach the device as decode_size x decode_size uint8
    data.soft_labels = ""  # votes: a clip's target is the share of its annotators; "": its label
    data.cache = False  # the same frames, from the cache dfer_jax.data.frame_cache built
    data.cache_dir = ""  # folder that holds frame caches; "": beside the data set
    data.num_workers = 0  # decoding processes: from four cores on, without a cache; 0: two threads

    config.augment = augment = ml_collections.ConfigDict()
    augment.area = (0.85, 1.0)  # random crop, share of the image
    augment.ratio = (3 / 5, 5 / 3)  # random crop, width / height
    augment.max_degrees = 4.0  # rotation, uniform in +- this
    augment.flip_probability = 0.5
    augment.brightness = 0.6  # factor uniform in 1 +- this
    augment.rand_operations = 0  # RandAugment's, drawn for a clip; 0: off
    augment.rand_magnitude = 7.0  # of these, mean; at most 10
    augment.erase_probability = 0.0  # of a box of noise, the same in all frames of a clip

    config.mix = mix = ml_collections.ConfigDict()  # two clips in one, and their labels
    mix.mixup_alpha = 0.0  # of Beta(a, a), the share of a clip in a mixture of pixels; 0: off
    mix.cutmix_alpha = 0.0  # the same of the area, the rest a box of another clip; 0: off
    mix.cutmix_share = 0.5  # of the batches that are cut, where both are on

    config.model = model = ml_collections.ConfigDict()
    model.name = "gca_ial"
    model.image_size = 112  # pixels, a multiple of 16
    model.width = 64  # channels of the first stage
    model.attention = "gca"  # none, se, cbam, gca (Tables I and II)
    model.reduction = 16  # r of the attention gate (Table III)
    model.temporal_factor = True  # gca: the mean over time in Eq. 5
    model.aux_stages = ("layer2", "layer3")  # stages with an auxiliary head; (): none
    model.dtype = "auto"  # compute dtype: float32, bfloat16; auto: bfloat16 on GPU, else float32

    config.loss = loss = ml_collections.ConfigDict()
    loss.ial_weight = 0.1  # lambda of Eq. 11; 0: cross-entropy alone
    loss.aux_weights = (0.05, 0.0)  # one per aux stage
    loss.gap_weight = 0.0  # alpha of Optimized IAL's probability-gap loss; 0: off
    loss.gap_form = "positive"  # positive: misclassified clips get no gradient; faithful
    loss.gap_eps = 0.02  # smoothing of the logarithm
    loss.gap_log_base = "e"  # e, 10
    loss.gap_decay_amplitude = 1.0  # A in A * exp(-lambda * epoch)
    loss.gap_decay_rate = 0.0  # lambda; 0: constant

    loss.label_smoothing = 0.0  # share of the target that all classes divide (M3DFEL: 0.1)
    loss.ecstfl_weight = 0.0  # of EC-STFL, on the features of the batch (DFEW: 10); 0: off
    loss.ecstfl_form = "paper"  # paper, code: the DFEW paper's, or that of its later code
    loss.centre_weight = 0.0  # of the centre loss, a sum over the batch (DFEW: 1e-4); 0: off
    loss.centre_rate = 0.5  # how far a centre follows the features in a step
    loss.compact_weight = 0.0  # of STT's compact softmax, a reconstruction; 0: off
    loss.group_weight = 0.0  # of AEN's decision between groups, a reconstruction; 0: off
    loss.groups = ()  # of class names: (("happiness",), ("sadness", "anger"), ...), each in one
    loss.instance_weights = ()  # rdfer: of its (synopsis, detail) instances; (): of no instances

    config.robust = robust = ml_collections.ConfigDict()  # against wrong labels
    robust.method = "none"  # none, agreement (RDFER), small_loss (Co-teaching's selection)
    robust.source = "resample"  # agreement of: resample, random views; instances, rdfer's own
    robust.views = 4  # K
    robust.a_noisy = 1.0  # noisy: at least this agreement ...
    robust.m_noisy = 0.5  # ... and the label's mean probability this far below the largest
    robust.gamma = 1.0  # how much more than 1 a hard clip counts at most
    robust.warmup_epochs = 8.0  # every clip counts as 1 (a tenth of training)
    robust.ramp_epochs = 5.0  # then weights move to what they should be (small_loss: from 0 on)
    robust.noise_rate = 0.2  # small_loss: share of a batch that is left out

    config.optim = optim = ml_collections.ConfigDict()
    optim.name = "sgd"  # or adamw
    optim.learning_rate = 1e-3
    optim.momentum = 0.9  # sgd
    optim.weight_decay = 0.1  # on every parameter; sgd: coupled
    optim.decay_kernels_only = False  # not on biases, norms, positions and tokens
    optim.layer_decay = 1.0  # rate of a transformer's block as a share of the next one's; 1: alike
    optim.schedule = "staircase"  # exponential, multi_step, warmup_cosine, or of optax.schedules
    optim.decay_rate = 0.5  # factor per decay_epochs, or at each milestone
    optim.decay_epochs = 7.0  # staircase, exponential
    optim.milestones = ()  # multi_step: epochs
    optim.warmup_epochs = 0.0  # warmup_cosine
    optim.final_learning_rate = 0.0  # warmup_cosine
    optim.factors = ml_collections.ConfigDict()  # on the rate of parts of the network, in a file
    optim.schedule_kwargs = ml_collections.ConfigDict()  # of that schedule, set in a file

    config.pretrain = pretrain = ml_collections.ConfigDict()  # Optimized IAL's first phase
    pretrain.epochs = (
        0  # on equally many clips of each class; optimiser restarts afterwards; 0: off
    )
    pretrain.clips_per_class = 110
    pretrain.gap_loss = True  # whether with the probability-gap loss, as far as loss.gap_weight > 0

    config.train = train = ml_collections.ConfigDict()
    train.init_from = ""  # work directory whose last weights training starts from; "": random
    train.batch_size = 40  # over all devices of all processes
    train.accumulation_steps = 1  # micro-batches a step is computed in, to save memory; 1: whole
    train.epochs = 80
    train.log_every_steps = 20
    train.eval_every_epochs = 1

    config.eval = evaluation = ml_collections.ConfigDict()
    evaluation.batch_size = 40
    evaluation.shared_classes = False  # data with other classes: score those that both have
    return config
