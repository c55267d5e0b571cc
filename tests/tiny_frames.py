"""Runs that take seconds: small per-frame networks on the small videos of `frame_dataset`."""

from configs import frames_base


def config(data_dir, system="cnn", *, init_from=""):
    """Returns the static CNN ("cnn"), a head on its backbone ("gru", "transformer"), or "au"."""
    tiny = frames_base.get_config()
    tiny.name = f"tiny_{system}"
    tiny.data.dataset = "frame_dataset/both"
    tiny.data.data_dir = str(data_dir)
    tiny.data.decode_size = 32
    tiny.model.image_size = 32
    tiny.model.width = 8
    tiny.model.stage_sizes = (1, 1)
    tiny.model.normalisation = "imagenet"
    tiny.optim.learning_rate = 0.05
    tiny.train.batch_size = 8
    tiny.train.epochs = 2
    tiny.eval.batch_size = 8
    if system == "au":
        tiny.data.labels = "action_units"
    if system in ("gru", "transformer"):
        tiny.data.window, tiny.data.stride, tiny.data.features = 9, 4, True
        tiny.train.init_from = init_from
        tiny.model.name = {"gru": "cnn_gru"}.get(system, "cnn_transformer")
        tiny.model.token_width, tiny.model.num_layers = 24, 1
    if system == "gru":
        tiny.model.hidden = 12
    if system == "transformer":
        tiny.model.num_heads, tiny.model.dropout = 2, 0.1
    return tiny
