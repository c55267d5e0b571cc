"""A built TFDS dataset and its records by position, frames still encoded, without TensorFlow."""

import contextlib
import os
from collections.abc import Callable, Collection
from typing import Any

import tensorflow_datasets as tfds

from dfer_jax.errors import UserError


class _StillEncoded(tfds.decode.Decoder):
    """Hands an image, or a sequence of images, on as the encoded bytes it is stored in.

    `tfds.decode.SkipDecoding` fails on sequences outside TensorFlow, hence this class.
    """

    def decode_example(self, serialized_example):
        return serialized_example

    def decode_batch_example_np(self, serialized_example):
        return serialized_example


def open_built(folder: str | os.PathLike[str]) -> tfds.core.DatasetBuilder:
    """Opens a built dataset, read-only, down to its version.

    Raises:
        UserError: if it is gone, or what describes it is damaged.
    """
    try:
        return tfds.builder_from_directory(folder)
    except MemoryError:
        raise
    except Exception as error:  # of any type, from the reader of files or from the parser
        raise _unreadable(folder, error) from error


class Records:
    """The examples of a split by position; a sequence whose items name a file that is damaged."""

    def __init__(
        self,
        builder: tfds.core.DatasetBuilder,
        split: str,
        *,
        only: Collection[str] | None = None,
    ) -> None:
        """Opens the files of a split.

        Args:
            builder: of a built data set.
            split: TFDS split expression.
            only: features that are read, which must not be `frames`; None for all of them.

        Raises:
            UserError: if a file is gone, or the records are of a format without random access.
        """
        self._builder, self._split = builder, split
        self._parse: Callable[[Any], dict[str, Any]] = _with_frames
        how: dict[str, Any] = {"decoders": {"frames": _StillEncoded()}}
        if only is not None:
            features = builder.info.features
            wanted = tfds.features.FeaturesDict({n: features[n] for n in only if n in features})
            self._parse = wanted.deserialize_example_np
            how = {"deserialize_method": tfds.decode.DeserializeMethod.RAW_BYTES}
        try:
            self._stored = builder.as_data_source(split, **how)
        except MemoryError:
            raise
        except Exception as error:  # of any type, as for a format that cannot be read so
            raise _unreadable(builder.data_path, error) from error

    def __len__(self) -> int:
        return len(self._stored)

    def __getitem__(self, position: int) -> dict[str, Any]:
        """Returns an example: `frames` is a list of encoded images, all else NumPy values.

        Raises:
            UserError: if its file is gone or damaged; it may have changed since it was opened.
        """
        if position >= len(self):
            raise IndexError(f"record {position} of {len(self)}")  # ends a loop over all
        try:
            if (example := self._stored[position]) is None:
                raise ValueError("there is no such record in it")
            return self._parse(example)
        except MemoryError:
            raise
        except Exception as error:  # of any type, from the reader of files or from the parser
            reason = str(error).strip().partition("\n")[0]
            raise UserError(
                f"clip {position} (counted from 0) of {self._split} cannot be read from "
                f"{self._file_of(position)} ({reason}); bring the file back, or build the dataset "
                "again"
            ) from error

    def _file_of(self, position: int) -> str:
        """Returns the path of the file with a record; of the folder where that is gone."""
        with contextlib.suppress(OSError, RuntimeError, ValueError):
            for shard in self._builder.info.splits[self._split].file_instructions:
                if position < shard.take:
                    return str(shard.filename)
                position -= shard.take
        return str(self._builder.data_path)


def _unreadable(folder: str | os.PathLike[str], error: Exception) -> UserError:
    cause = error.__cause__ or error
    if isinstance(cause, OSError):
        return UserError(
            f"the data set {folder} is gone or cannot be read ({cause}); bring it back and run the "
            "same command again"
        )
    reason = str(error).strip().partition("\n")[0]
    return UserError(
        f"{folder} cannot be read ({reason}); delete that folder and build the dataset again"
    )


def _with_frames(example: dict[str, Any]) -> dict[str, Any]:
    return {**example, "frames": list(example["frames"])}
