"""RAVDESS: eight expressions spoken and sung by 24 actors, in six folds of four actors."""
