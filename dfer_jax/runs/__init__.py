"""What a run leaves on disk: work directory, checkpoints, metrics, evaluation files."""
