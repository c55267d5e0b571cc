"""The experiment file that a command was given."""

from typing import Any

import ml_collections
from absl import app


def load(holder: Any) -> ml_collections.ConfigDict:
    """Returns the config as overridden, its fields locked.

    Args:
        holder: of `config_flags.DEFINE_config_file`.

    Raises:
        app.UsageError: if the file cannot be loaded.
    """
    try:
        holder.value.lock()  # a file that did not load says so at its first use
        return holder.value
    except OSError as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise app.UsageError(f"the config file cannot be loaded: {reason}") from error
