"""The models, one file per published system."""

from flax import linen as nn

from dfer_jax.errors import UserError
from dfer_jax.models.cnn_gru import CNNGRU
from dfer_jax.models.cnn_transformer import CNNTransformer
from dfer_jax.models.conv3d.c3d import C3D
from dfer_jax.models.conv3d.hara_resnet18 import HaraResNet18A, HaraResNet18B
from dfer_jax.models.conv3d.i3d import I3D
from dfer_jax.models.conv3d.m3dfel import M3DFEL
from dfer_jax.models.conv3d.p3d63 import P3D63
from dfer_jax.models.conv3d.video_resnet import MC318, R3D18, R2Plus1D18
from dfer_jax.models.gca_ial import GCAIAL
from dfer_jax.models.rdfer import RDFER
from dfer_jax.models.recurrent.dfew_reslstm import DFEWResLSTM
from dfer_jax.models.recurrent.emo_affectnet import EmoAffectNet, EmoAffectNetStatic
from dfer_jax.models.recurrent.frame_rnn import (
    VGG11LSTM,
    VGG13,
    VGG13LSTM,
    VGG16,
    VGG16LSTM,
    ResNet18,
    ResNet18GRU,
    ResNet18LSTM,
)
from dfer_jax.models.resnet50 import ResNet50
from dfer_jax.models.transformers.former_dfer import FormerDFER
from dfer_jax.models.transformers.nr_dfernet import NRDFERNet
from dfer_jax.models.transformers.stt import STT
from dfer_jax.models.vit.dfer_clip import DFERCLIP
from dfer_jax.models.vit.mae_dfer import MAEDFER
from dfer_jax.models.vit.s2d import S2D
from dfer_jax.models.vit.svfap import SVFAPB

MODELS = {
    "gca_ial": GCAIAL,
    "resnet50": ResNet50,
    "cnn_gru": CNNGRU,
    "cnn_transformer": CNNTransformer,
    "rdfer": RDFER,
    "c3d": C3D,
    "hara_resnet18_a": HaraResNet18A,
    "hara_resnet18_b": HaraResNet18B,
    "i3d": I3D,
    "mc3_18": MC318,
    "p3d63": P3D63,
    "r2plus1d_18": R2Plus1D18,
    "r3d_18": R3D18,
    "dfer_clip": DFERCLIP,
    "former_dfer": FormerDFER,
    "m3dfel": M3DFEL,
    "nr_dfernet": NRDFERNet,
    "stt": STT,
    "mae_dfer": MAEDFER,
    "svfap_b": SVFAPB,
    "s2d": S2D,
    "dfew_reslstm": DFEWResLSTM,
    "emo_affectnet": EmoAffectNet,
    "emo_affectnet_static": EmoAffectNetStatic,
    "resnet18": ResNet18,
    "resnet18_gru": ResNet18GRU,
    "resnet18_lstm": ResNet18LSTM,
    "vgg13": VGG13,
    "vgg16": VGG16,
    "vgg11_lstm": VGG11LSTM,
    "vgg13_lstm": VGG13LSTM,
    "vgg16_lstm": VGG16LSTM,
}


def create_model(name: str, **kwargs: object) -> nn.Module:
    """Returns the model `name`, built with `kwargs`.

    Raises:
        UserError: if there is no such model or it does not take one of the arguments.
    """
    if name not in MODELS:
        raise UserError(f"model.name {name!r} is unknown; choose from {', '.join(sorted(MODELS))}")
    try:
        return MODELS[name](**kwargs)
    except TypeError as error:
        raise UserError(f"model {name!r}: {error}") from error
