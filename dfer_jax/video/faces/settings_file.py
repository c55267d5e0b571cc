"""Keeps beside a folder of crops how they were cut, for whoever builds, trains or predicts."""

from pathlib import Path

from dfer_jax.errors import UserError
from dfer_jax.runtime import durable_files
from dfer_jax.runtime.json_text import parse_object
from dfer_jax.video.faces.alignment import CropSettings

SETTINGS_FILE = "crop_settings.json"
_MOST_BYTES = 10_000


def write_settings(folder: Path, settings: CropSettings) -> None:
    """Writes the settings into a folder, which is made.

    Raises:
        OSError: if they cannot be written.
    """
    durable_files.write_json(folder / SETTINGS_FILE, settings.to_json())


def read_settings(folder: Path) -> CropSettings | None:
    """Returns how the crops of a folder were cut; None if it does not say.

    Raises:
        UserError: if its file is not one that `write_settings` wrote.
    """
    path = folder / SETTINGS_FILE
    try:
        with open(path, encoding="utf-8") as file:
            return CropSettings.from_json(parse_object(file.read(_MOST_BYTES)))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror})") from error
    except (UserError, ValueError) as error:
        raise UserError(
            f"{path}: {error}; delete it if the frames beside it are no crops of dfer crop"
        ) from error
