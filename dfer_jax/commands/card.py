"""Prints the model card of a run, of imported weights, or of a pretrained folder.

dfer card runs/dfew_fold1
"""

from absl import app, logging

from dfer_jax import errors


def main(argv: list[str]) -> None:
    """Prints the card."""
    if len(argv) != 2:
        raise app.UsageError("give one work directory: dfer card RUN")
    from dfer_jax.export.card import card_of

    print(card_of(argv[1]), end="")


if __name__ == "__main__":
    logging.set_verbosity(logging.WARNING)
    errors.run(main)
