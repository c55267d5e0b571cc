"""MAFW: eleven expressions, or 43 compound ones, in 10,045 clips, in five official folds."""
