"""The models, one file per published system."""

from flax import linen as nn

from dfer_jax.errors import UserError
from dfer_jax.models.cnn_gru import CNNGRU
from dfer_jax.models.cnn_transformer import CNNTransformer
from dfer_jax.models.gca_ial import GCAIAL
from dfer_jax.models.rdfer import RDFER
from dfer_jax.models.resnet50 import ResNet50

MODELS = {
    "gca_ial": GCAIAL,
    "resnet50": ResNet50,
    "cnn_gru": CNNGRU,
    "cnn_transformer": CNNTransformer,
    "rdfer": RDFER,
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
